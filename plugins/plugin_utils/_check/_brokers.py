# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that no two environments meet at a broker, wherever in the inventory they are."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._brokers import Broker, brokers_of
from jinja2 import UndefinedError

_URL = "CELERY_BROKER_URL"


def shared_brokers(
    environments: Mapping[str, Mapping[str, Any]],
    run: Container[str],
    host: str,
    elsewhere: Mapping[str, str],
    hostvars: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    """Yield for each environment of the run with whom it shares a broker, unless the user says that this is meant.

    :param environments: the environments of the host.
    :param run: the environments that this run converges.
    :param elsewhere: environments that the host is not in, and one host of each.
    :param hostvars: the variables of all hosts. Those that cannot be read, for want of a vault password, do not count.
    """
    brokers = {name: _brokers(value, host) for name, value in environments.items()}
    if any(brokers.values()):
        brokers |= {name: _brokers_elsewhere(name, other, hostvars) for name, other in elsewhere.items()}
    for name, environment in environments.items():
        others = [other for other, theirs in brokers.items() if other != name and brokers[name] & theirs]
        if others and name in run and not environment["shared_broker"]:
            yield (
                f"celery_{name}.environment.{_URL} leads to the same broker and database as that of "
                f"{', '.join(others)}: they would run each other's tasks, and celery control shutdown would stop both. "
                "Give each its own database or virtual host, or write shared_broker: true in each."
            )


def _brokers_elsewhere(name: str, host: str, hostvars: Mapping[str, Mapping[str, Any]]) -> frozenset[Broker]:
    try:
        return _brokers(hostvars[host].get(f"celery_{name}"), host)
    except (AnsibleError, UndefinedError, ValueError):
        return frozenset()


def _brokers(environment: Any, host: str) -> frozenset[Broker]:
    """Return the brokers of an environment and its services. That of another host may be of any type."""
    environment = environment if isinstance(environment, Mapping) else {}
    workers = environment.get("workers")
    single = [environment.get(kind.key) for kind in KINDS.values() if kind.is_one]
    dicts = [environment, *single, *(workers if isinstance(workers, Sequence) else [])]
    variables = [own.get("environment") for own in dicts if isinstance(own, Mapping)]
    urls = [str(own[_URL]) for own in variables if isinstance(own, Mapping) and own.get(_URL)]
    return frozenset(broker for url in urls for broker in brokers_of(url, host))
