# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what the services of one host would share against the user's intention."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._check._accounts import shared_accounts
from ansible_collections.stalk.celery.plugins.plugin_utils._check._flower import GUARD, guarded
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._brokers import brokers_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._logs import overlap
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import Service, services_of


def collisions(environments: Sequence[Mapping[str, Any]], run: Container[str], host: str) -> Iterator[str]:
    """Yield what two services or two environments of a host must not have in common.

    :param environments: the complete environments of the host.
    :param run: the environments that this run converges; collisions among the others are not reported.
    """
    yield from shared_accounts(environments, run)
    services = [service for environment in environments for service in services_of(environment, host=host)]
    if len(environments) > 1:
        yield from _open_flowers([service for service in services if service["environment"] in run])
    yield from _logs([service for service in services if "log_file" in service], run)
    for key, value_of in _MUST_DIFFER.items():
        seen: dict[Any, Service] = {}
        for service in filter(value_of, services):
            other = seen.setdefault(value_of(service), service)
            if other is not service and (service["environment"] in run or other["environment"] in run):
                both = f"{path_of(service)} and {path_of(other)}"
                yield f"{both} have the same {key} on this host: {service[key]}. Set {key} in one of them."


def _open_flowers(services: Sequence[Service]) -> Iterator[str]:
    for service in services:
        if service["kind"] == "flower" and not guarded(service):
            yield (
                f"{path_of(service)} would let the other environments of this host look into "
                f"{service['environment']}: loopback is open to all of them. {GUARD}"
            )


def _logs(services: Sequence[Service], run: Container[str]) -> Iterator[str]:
    """Yield whose log files logrotate would mix up, and whose are in one directory, which belongs to one user."""
    for first, second in combinations(services, 2):
        if first["environment"] not in run and second["environment"] not in run:
            continue
        both = f"{path_of(second)} and {path_of(first)}"
        pairs = [pair for pair in product(second["log_patterns"], first["log_patterns"]) if overlap(*pair)]
        if pairs:
            yield (
                f"{both} have the same log_file on this host for logrotate: {' and '.join(dict.fromkeys(pairs[0]))}. "
                "Write %n in its name, or set log_file in one of them."
            )
        elif first["user"] != second["user"] and _same_directory(first, second):
            yield (
                f"{both} have their log_file in one directory, {posixpath.dirname(second['log_file'])}, which only one "
                f"user can own. Write a directory for each, as /var/log/celery-{second['environment']}."
            )


def _same_directory(first: Service, second: Service) -> bool:
    """Return whether two log files are in one directory, or one is in the directory of the other's environment."""
    directories = [posixpath.dirname(service["log_file"]) for service in (first, second)]
    owned = [f"/var/log/celery-{service['environment']}" for service in (second, first)]
    inside = [f"{one}/".startswith(f"{other}/") for one, other in zip(directories, owned, strict=True)]
    return directories[0] == directories[1] or any(inside)


def _meeting_point(service: Service) -> tuple[Any, str]:
    """Return what identifies a node: names collide only where nodes meet, at one broker."""
    url = service["variables"].get("CELERY_BROKER_URL", "")
    return brokers_of(url, "this host") or service["environment"], service["node"]


_MUST_DIFFER: Mapping[str, Callable[[Service], Any]] = {
    "unit": lambda service: service["unit"],
    "name": lambda service: (service["environment"], service["name"]),
    "env_file": lambda service: service["env_file"],
    "node": _meeting_point,
    "port": lambda service: service.get("port"),
}


def path_of(service: Service) -> str:
    kind, name = service["kind"], service["name"]
    return f"celery_{service['environment']}.{f'workers {name}' if kind == 'worker' else kind}"
