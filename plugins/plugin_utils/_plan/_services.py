# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the environments that a user wrote to the complete services of one host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan import _concurrency
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec, validate
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._logs import directory_of, file_of_beat, patterns_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._variables import variables_of

Service = dict[str, Any]

LIBRARY = "/usr/local/lib/celery-{environment}"
_STATE = "/var/lib/celery-{environment}"
_LOGS = "/var/log/celery-{environment}"
_MERGED = ("environment", "sandbox", "limits", "logrotate")
_ADDED = ("write_paths",)
_HIDDEN_BY_PROTECT_HOME = ("/home/", "/root/", "/run/user/")


def services_of(
    environment: Mapping[str, Any], kinds: Iterable[str] = tuple(KINDS), host: str | None = None
) -> list[Service]:
    """Return the complete services of an environment.

    :param environment: a complete environment.
    :param kinds: only the services of these kinds; by default those of all.
    :param host: only the services of this host; by default those of all hosts.
    """
    found = [_service(kind, environment, own) for kind in kinds for own in _written(kind, environment)]
    here = [service for service in found if host is None or service["hosts"] is None or host in service["hosts"]]
    for service in here:
        service["parts"] = [other["unit"] for other in here if other.get("part_of") == service["unit"]]
    return here


def _written(kind: str, environment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the environment says of its services of a kind; of some there can be one only, named after it."""
    own = environment.get(KINDS[kind].key, [])
    found = [{**own, "name": kind}] if isinstance(own, Mapping) else [one for worker in own for one in alike(worker)]
    return [{key: value for key, value in one.items() if value is not None} for one in found]


def alike(worker: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the workers that one entry stands for: itself, or as many as its ``count``, each with a number."""
    if worker.get("count") is None:
        return [worker]
    shared = {key: value for key, value in worker.items() if key != "count"}
    return [{**shared, "name": f"{worker['name']}-{number}"} for number in range(1, int(worker["count"]) + 1)]


def _service(kind: str, environment: Mapping[str, Any], own: Mapping[str, Any]) -> Service:
    spec = environment_spec()[KINDS[kind].key]["options"]
    shared = {key: environment[key] for key in spec if key in environment and key != "name"}
    merged: dict[str, Any] = {key: {**shared[key], **own[key]} for key in _MERGED if key in shared and key in own}
    added = {key: [*shared[key], *own[key]] for key in _ADDED if shared.get(key) and own.get(key)}
    service, _problems = validate({**shared, **own, **merged, **added}, spec, "")
    names = {"environment": environment["name"], "name": str(own["name"])}
    service.setdefault("unit", "celery-{environment}-{name}.service".format(**names))
    service["stem"] = service["unit"][: -len(".service")]
    service.setdefault("env_file", f"/etc/conf.d/{service['stem'].replace(':', '_')}.conf")
    service.setdefault("enabled", service["state"] == "started")
    service.setdefault("node", f"{own['name']}@%h")
    service.setdefault("hosts", [own["host"]] if "host" in own else None)
    service["overlap"] = _hands_over(kind, service)
    if service["type"] == "forking":
        service.setdefault("log_file", f"{_LOGS}/{{name}}.log".format(**names))
    if kind == "beat" and "log_file" in service:
        service["log_file"] = file_of_beat(service["log_file"])
    marker = "/".join(filter(None, (names["environment"], kind, names["name"], _claim(kind, service))))
    return {
        **service,
        **{key: environment[key] for key in ("user", "group", "home")},
        **names,
        "kind": kind,
        "target": "celery-{environment}.target".format(**names),
        "library": LIBRARY.format(**names),
        "handover": f"{_STATE.format(**names)}/{names['name']}.handover",
        "watch": "stalk-watch-{environment}.service".format(**names),
        "marker": marker,
        "marker_line": marker_line(marker),
        "managed_virtualenv": "packages" in environment and service["virtualenv"] == environment["virtualenv"],
        **_paths_of(service, _visible_paths(environment["home"], service["directory"], service["virtualenv"])),
        "log_directory": directory_of(service.get("log_file", ""), _LOGS.format(**names)),
        "log_patterns": _log_patterns(kind, service),
        "variables": variables_of(kind, service, LIBRARY.format(**names), _STATE.format(**names)),
    }


def _hands_over(kind: str, service: Service) -> bool:
    """Return whether two processes of a service may run for a while; not where it may be a lock."""
    if kind != "worker" or service["type"] != "notify":
        return False
    chosen = [str(service.get(key, "")) for key in ("concurrency", "autoscale", "pool")]
    return bool(service.get("overlap", not _concurrency.is_one(*chosen)))


def _log_patterns(kind: str, service: Service) -> list[str]:
    log_file = service.get("log_file", "")
    return [log_file] if kind == "beat" else patterns_of(log_file, service["node"])


def _claim(kind: str, service: Service) -> str:
    """Return what only beats that may run at the same time have in common: their lock, or else the one host."""
    hosts = service["hosts"] or [] if kind == "beat" else []
    return service.get("scheduler", "") if len(hosts) > 1 else "".join(hosts)


def units_of(services: Sequence[Service]) -> list[dict[str, Any]]:
    """Return the units of the services and of their environments, as the module stalk.celery.units takes them."""
    of_environments = dict.fromkeys(service[key] for service in services for key in ("target", "watch"))
    return [{"name": unit} for unit in of_environments] + [
        {"name": service["unit"], "state": service["state"], "enabled": service["enabled"]} for service in services
    ]


def trials_of(services: Sequence[Service], installed: bool = False) -> list[dict[str, Any]]:
    """Return the services as the module stalk.celery.look takes them.

    :param installed: whether the virtual environments that the role installs are complete, so that they can be tried.
    """
    keys = (
        "unit",
        "environment",
        "name",
        "user",
        "group",
        "directory",
        "virtualenv",
        "write_paths",
        "env_files",
        "state",
    )
    return [
        {**{key: service[key] for key in keys}, "try": installed or not service["managed_virtualenv"]}
        for service in services
    ]


def summaries_of(services: Sequence[Service]) -> list[dict[str, Any]]:
    """Return of each service what a module on the host has to know, without variables, which may be secret.

    :param services: those of the inventory, or those of the facts of a host, which tell less.
    """
    keys = ("unit", "environment", "kind", "name", "type", "state", "user", "group", "directory", "virtualenv")
    return [{**{key: service[key] for key in keys if key in service}, **_of_worker(service)} for service in services]


def _of_worker(service: Service) -> dict[str, Any]:
    if service["kind"] != "worker":
        return {"node": "", "queues": [], "pool": ""}
    return {"node": service["node"], "queues": service["queues"], "pool": service.get("pool", "")}


def marker_line(*marker: str) -> str:
    """Return the line by which the collection recognizes the files that it wrote, of ``live/worker/w1`` for example."""
    return f"Managed by stalk.celery: {'/'.join(marker)}. Ansible overwrites local changes."


def _paths_of(service: Service, visible: Sequence[str]) -> dict[str, list[str]]:
    """Return what of the host the service sees though ProtectHome=tmpfs hides it, and what it may write to.

    Below what it sees a directory is opened as anywhere else: systemd follows no link out of that. One that is hidden
    has to be bound.
    """
    paths = list(dict.fromkeys(service["write_paths"]))
    is_hiding = service["sandbox"].get("ProtectHome", "tmpfs") == "tmpfs"
    hidden = [path for path in paths if is_hiding and f"{path}/".startswith(_HIDDEN_BY_PROTECT_HOME)]
    bound = [path for path in hidden if not any(path.startswith(f"{other}/") for other in visible)]
    return {
        "visible_paths": [path for path in visible if path not in bound],
        "bound_paths": bound,
        "opened_paths": [path for path in paths if path not in bound],
    }


def _visible_paths(*paths: str) -> list[str]:
    """Return those of the paths that a service needs and ProtectHome=tmpfs would hide; uv has interpreters at home."""
    hidden = [path for path in dict.fromkeys(paths) if path.startswith(_HIDDEN_BY_PROTECT_HOME)]
    return [path for path in hidden if not any(path.startswith(f"{other}/") for other in hidden)]
