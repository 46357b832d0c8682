# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The brokers that role celery_broker sets up: which realms a host keeps, and how the services reach theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.stalk.celery.plugins.plugin_utils._core import without_omitted
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._environments import environments_of_run
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec, validate
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import marker_line
from jinja2 import UndefinedError

Realm = dict[str, Any]

_PORTS = {"redis": 6379, "rabbitmq": 5672}
_LOOPBACK = "127.0.0.1"
SOCKET = "redis_socket"


def realms_of_inventory(
    names: Sequence[str], groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]]
) -> Iterator[Realm]:
    """Yield the realm of each environment that asks for one, with the problems of its keys.

    Environments are taken from the variables of the first host of their group, and do not count where these cannot be
    read, for want of a vault password.
    """
    spec = environment_spec()["broker"]["options"]
    for name in names:
        members = groups.get(name, [])
        value = _value(name, members, hostvars)
        if value.get("broker") is None:
            continue
        written = value["broker"]
        path = f"celery_{name}.broker"
        if not isinstance(written, Mapping):
            yield {"name": name, "problems": [f"{path} is not a dict of keys and values."], "hosts": members}
            continue
        broker, problems = validate(written, spec, path)
        user = str(value.get("user") or name)
        yield {
            **complete_broker(broker),
            "name": name,
            "written": written,
            "hosts": members,
            "user": user,
            "group": str(value.get("group") or user),
            "problems": problems,
        }


def realms_of_host(
    host: str,
    names: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    limit: str,
) -> list[Realm]:
    """Return the realms that a run makes on a host. ``local`` says that no other host uses this broker."""
    found = [realm for realm in realms_of_inventory(names, groups, hostvars) if realm.get("host") == host]
    run = environments_of_run([realm["name"] for realm in found], limit)
    remote = {realm["kind"] for realm in found if set(realm["hosts"]) - {host}}
    return [{**realm, "local": realm["kind"] not in remote} for realm in found if realm["name"] in run]


def instances_of(realms: Sequence[Realm], program: str, selinux: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the files and units of the Redis instances that keep the realms of a host.

    :param program: the path of the server.
    :param selinux: whether the directories need the types that the host's policy has for those of Redis.
    """
    shared = [realm for realm in realms if realm["kind"] == "redis"][:1]
    wanted = [(realm, True) for realm in realms if realm["kind"] == SOCKET] + [(realm, False) for realm in shared]
    host = {"program": program, "selinux": selinux}
    files = [entry for realm, own in wanted for entry in _instance(realm, {**host, "own": own})]
    return {"files": files, "units": [{"name": unit} for unit in dict.fromkeys(entry["unit"] for entry in files)]}


def _instance(realm: Realm, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    unit = _unit_of_realm(realm["name"], realm["kind"])
    stem = unit.removesuffix(".service")
    variables = {**given, "realm": realm, "stem": stem, "marker_line": marker_line("broker", "redis", stem)}
    paths = {
        f"/etc/celery-broker/{stem}.conf": "etc/celery-broker/redis.conf.j2",
        f"/etc/systemd/system/{unit}": "etc/systemd/system/redis.service.j2",
    }
    return [{"path": path, "template": name, "variables": variables, "unit": unit} for path, name in paths.items()]


def complete_broker(broker: Mapping[str, Any]) -> dict[str, Any]:
    """Return a broker with the default of its port."""
    port = _PORTS.get(broker.get("kind", ""))
    return {**({"port": port} if port else {}), **broker}


def with_broker(environment: Mapping[str, Any], host: str, password: str) -> dict[str, Any]:
    """Return an environment with the variables that lead its services on a host into its realm, if it has one."""
    broker = environment.get("broker")
    if not broker:
        return dict(environment)
    variables = _variables_of_realm(environment["name"], broker, host, password)
    after = [_unit_of_realm(environment["name"], broker["kind"])] if host == broker["host"] else []
    return {
        **environment,
        "environment": {**variables, **environment.get("environment", {})},
        "after": [*environment.get("after", []), *after],
    }


def _variables_of_realm(name: str, broker: Mapping[str, Any], host: str, password: str) -> dict[str, str]:
    """Return the variables that lead the services of an environment on a host into its realm."""
    if broker["kind"] == SOCKET:
        url = f"redis+socket:///run/redis-celery-{name}/redis.sock"
        return {"CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
    address = _LOOPBACK if host == broker["host"] else broker.get("address", broker["host"])
    place = f"{name}:{password}@{address}:{complete_broker(broker)['port']}"
    if broker["kind"] == "rabbitmq":
        return {"CELERY_BROKER_URL": f"amqp://{place}/{name}"}
    return dict.fromkeys(("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"), f"redis://{place}/0")


def _unit_of_realm(name: str, kind: str) -> str:
    """Return the unit of a realm's broker."""
    return {"rabbitmq": "rabbitmq-server.service", SOCKET: f"redis-celery-{name}.service"}.get(
        kind, "redis-celery.service"
    )


def _value(name: str, members: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        value = hostvars[members[0]].get(f"celery_{name}") if members else None
        own = value if isinstance(value, Mapping) else {}
        return {key: without_omitted(own.get(key)) for key in ("broker", "user", "group")}
    except (AnsibleError, UndefinedError, KeyError):
        return {}
