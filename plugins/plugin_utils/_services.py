# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the environments that a user wrote to the complete services of one host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._schema import Spec, environment_spec, validate
from ansible_collections.stalk.celery.plugins.plugin_utils._systemd import split_word

Service = dict[str, Any]

LIBRARY = "/usr/local/lib/celery-{environment}"
STANDARD_VARIABLES = frozenset(
    (
        "CELERY_BIN",
        "CELERY_APP",
        "CELERYD_NODES",
        "CELERYD_LOG_LEVEL",
        "CELERYD_OPTS",
        "CELERYBEAT_LOG_LEVEL",
        "CELERYBEAT_OPTS",
    )
)
_HIDDEN_BY_PROTECT_HOME = ("/home/", "/root/", "/run/user/")
WORKER_FLAGS = (
    "pool",
    "concurrency",
    "autoscale",
    "prefetch_multiplier",
    "max_tasks_per_child",
    "max_memory_per_child",
    "time_limit",
    "soft_time_limit",
)
BEAT_FLAGS = ("scheduler", "max_interval")


def services_of(environment: Mapping[str, Any], kinds: Iterable[str], host: str | None = None) -> list[Service]:
    """Return the complete services of an environment.

    :param environment: a complete environment.
    :param kinds: ``worker``, ``beat`` or both.
    :param host: only the services of this host; by default those of all hosts.
    """
    found: list[Service] = []
    if "worker" in kinds:
        found += [
            _service("worker", environment, worker, environment_spec()["workers"]["options"])
            for worker in environment["workers"]
        ]
    if "beat" in kinds and "beat" in environment:
        found.append(
            _service(
                "beat", environment, {**environment["beat"], "name": "beat"}, environment_spec()["beat"]["options"]
            )
        )
    return [service for service in found if host is None or service["hosts"] is None or host in service["hosts"]]


def _service(kind: str, environment: Mapping[str, Any], own: Mapping[str, Any], spec: Spec) -> Service:
    shared = {key: environment[key] for key in spec if key in environment and key != "name"}
    both = [key for key in ("environment", "sandbox") if key in shared and key in own]
    dicts: dict[str, Any] = {key: {**shared[key], **own[key]} for key in both}
    service, _problems = validate({**shared, **own, **dicts}, spec, "")
    name, environment_name = str(own["name"]), environment["name"]
    service.setdefault("unit", f"celery-{environment_name}-{name}.service")
    stem = service["unit"][: -len(".service")]
    service.setdefault("env_file", f"/etc/conf.d/{stem}.conf")
    service.setdefault("enabled", service["state"] == "started")
    service.setdefault("node", f"{name}@%h")
    service.setdefault("hosts", [own["host"]] if kind == "beat" else None)
    service.update({key: environment[key] for key in ("user", "group", "home")})
    return {
        **service,
        "kind": kind,
        "name": name,
        "environment": environment_name,
        "stem": stem,
        "target": f"celery-{environment_name}.target",
        "marker": marker(environment_name, kind, name),
        "managed_virtualenv": "packages" in environment and service["virtualenv"] == environment["virtualenv"],
        "visible_paths": _visible_paths(service),
        "variables": _variables(kind, environment_name, service),
    }


def units_of(services: Sequence[Service]) -> list[dict[str, Any]]:
    """Return the units of the services and of their environments, as the module stalk.celery.units takes them."""
    targets = dict.fromkeys(service["target"] for service in services)
    return [{"name": target} for target in targets] + [
        {"name": service["unit"], "state": service["state"], "enabled": service["enabled"]} for service in services
    ]


def trials_of(services: Sequence[Service], installed: bool = False) -> list[dict[str, Any]]:
    """Return the services as the module stalk.celery.preflight takes them.

    :param installed: whether the virtual environments that the role installs are complete, so that they can be tried.
    """
    keys = ("unit", "environment", "name", "user", "group", "directory", "virtualenv")
    return [
        {**{key: service[key] for key in keys}, "try": installed or not service["managed_virtualenv"]}
        for service in services
    ]


def marker(environment: str, kind: str, name: str) -> str:
    """Return the text by which the collection recognises the files that it wrote."""
    return f"Managed by stalk.celery: {environment}/{kind}/{name}. Ansible overwrites local changes."


def _visible_paths(service: Service) -> list[str]:
    """Return the paths that ProtectHome=tmpfs would hide from a service that needs them; uv has interpreters there."""
    paths = dict.fromkeys((service["home"], service["directory"], service["virtualenv"]))
    hidden = [path for path in paths if path.startswith(_HIDDEN_BY_PROTECT_HOME)]
    return [path for path in hidden if not any(path.startswith(f"{other}/") for other in hidden)]


def _variables(kind: str, environment_name: str, service: Service) -> dict[str, str]:
    """Return the variables of the environment file: Celery's standard ones, then the user's."""
    own = {key: str(value) for key, value in service["environment"].items()}
    python_path = ":".join(filter(None, (LIBRARY.format(environment=environment_name), own.pop("PYTHONPATH", ""))))
    standard = {"CELERY_BIN": f"{service['virtualenv']}/bin/celery", "CELERY_APP": service["app"]}
    if kind == "worker":
        standard["CELERYD_NODES"] = service["node"]
        standard["CELERYD_LOG_LEVEL"] = service["log_level"]
        standard["CELERYD_OPTS"] = _command_line(service, WORKER_FLAGS, queues=",".join(service["queues"]) or None)
    else:
        schedule = f"/var/lib/celery-{environment_name}/schedule"
        standard["CELERYBEAT_LOG_LEVEL"] = service["log_level"]
        standard["CELERYBEAT_OPTS"] = _command_line(service, BEAT_FLAGS, schedule=schedule, pidfile="")
    return {**standard, "PYTHONPATH": python_path, **own}


def _command_line(service: Service, flags: Iterable[str], **more: str | None) -> str:
    values = {**more, **{flag: service.get(flag) for flag in flags}}
    words = [f"--{flag.replace('_', '-')}={value}" for flag, value in values.items() if value is not None]
    return " ".join(split_word(word) for word in [*words, *service["options"]])
