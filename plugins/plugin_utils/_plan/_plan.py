# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host is to run: decided here, once for each run, from the inventory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._environments import (
    complete_environment,
    environments_of_run,
)
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._account_files import accounts_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._beats import other_beats
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._files import files_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._migrations import migrations_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._realms import SOCKET, with_broker
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import (
    Service,
    services_of,
    summaries_of,
    trials_of,
    units_of,
)
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._virtualenvs import virtualenvs_of

_MARGIN = 600  # seconds that systemd has beside the timeouts of the services


@dataclass(frozen=True)
class Plan:
    """What a host is to run.

    :param names: only these environments of the run; by default all of them.
    :param accounts: what the module look says of each on the host, empty where nobody has asked.
    :param passwords: the passwords of their brokers, empty where nobody has asked.
    """

    inventory: Inventory
    names: Collection[str] | None = None
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def environments(self) -> list[dict[str, Any]]:
        """The environments of the host and the run, complete, with the way to their brokers."""
        host, variables = self.inventory.host, self.inventory.variables
        names = [name for name in self.inventory.run if self.names is None or name in self.names]
        found = [complete_environment(name, variables[name], self.accounts.get(name, {})) for name in names]
        return [with_broker(one, host, self.passwords.get(one["name"], "")) for one in found]

    @cached_property
    def services(self) -> list[Service]:
        """The complete services of the host."""
        return [service for one in self.environments for service in services_of(one, host=self.inventory.host)]

    def of(self, kinds: Collection[str]) -> list[Service]:
        """Return the services of some kinds."""
        return [service for service in self.services if service["kind"] in kinds]

    def files(self, kinds: Collection[str] = tuple(KINDS)) -> dict[str, list[dict[str, Any]]]:
        """Return the files of the services of some kinds, and their directories, as the module files takes them."""
        return files_of(self.services, kinds)

    def marker_prefixes(self, kinds: Collection[str] = tuple(KINDS)) -> list[str]:
        """Beginnings of the markers of these services, and of orphans beside them."""
        return [f"{one['name']}/{kind}/" for one in self.environments for kind in kinds]

    def trials(self, installed: bool) -> list[dict[str, Any]]:
        """Return the services as the module look takes them."""
        return trials_of(self.services, installed)

    def units(self, kinds: Collection[str] = tuple(KINDS)) -> list[dict[str, Any]]:
        """Return the units as the module units takes them."""
        return units_of(self.of(kinds))

    def beats(self, settled: Collection[str]) -> dict[str, list[str]]:
        """Return which beats have to be stopped before those of this host start, and where."""
        return other_beats(self.services, settled, self.inventory.groups)

    def queues(self, name: str) -> list[list[str]]:
        """Return the queues that each worker of an environment names, on whatever host."""
        own = [service for one in self.environments if one["name"] == name for service in services_of(one, ["worker"])]
        return [service["queues"] for service in own]

    def virtualenvs(self) -> list[dict[str, Any]]:
        """Return the environments whose packages are installed, as the module virtualenvs takes them."""
        return virtualenvs_of(self.environments, self.inventory.host)

    def migrations(self, running: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the migrations of each environment that has some, and the service that runs beside which they run."""
        return migrations_of(self.environments, [one for one in self.services if one["unit"] in running])

    def account_files(self) -> dict[str, list[Any]]:
        """Return what makes the users, groups and homes that the collection makes."""
        return accounts_of(self.environments, self.accounts)

    @property
    def timeout(self) -> int:
        """Seconds to wait for systemd: for tasks to end, and then for the services to be ready."""
        longest = (max((one[key] for one in self.services), default=0) for key in ("stop_timeout", "start_timeout"))
        return _MARGIN + sum(longest)

    @property
    def keepers(self) -> dict[str, str]:
        """The environments that have a password which the host of their broker keeps, and that host."""
        brokers = {one["name"]: one["broker"] for one in self.environments if one.get("broker")}
        return {name: broker["host"] for name, broker in brokers.items() if broker["kind"] != SOCKET}

    def shown(self) -> dict[str, Any]:
        """Return the plan without secrets, for people and for tasks."""
        keys = ("stop_timeout", "start_timeout")
        services = zip(summaries_of(self.services), self.services, strict=True)
        return {
            "environments": [one["name"] for one in self.environments],
            "services": [{**summary, **{key: service[key] for key in keys}} for summary, service in services],
            "packages": [one["name"] for one in self.environments if "packages" in one],
            "keepers": self.keepers,
            "timeout": self.timeout,
        }


def plan_of(inventory: Inventory) -> dict[str, Any]:
    """Return the plan of a host as tasks and people read it, of an inventory without problems."""
    return {**names_of(inventory), **Plan(inventory).shown()}


def names_of(inventory: Inventory) -> dict[str, Any]:
    """Return the environments of the host, those of them that the run is about, and those of the run on all hosts."""
    return {
        "kinds": list(KINDS),
        "names": list(inventory.variables),
        "run": inventory.run,
        "all_of_run": environments_of_run(inventory.names, inventory.limit),
    }
