# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is asked about its plan, and what its answer asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import missing_queues, named
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._asked_accounts import asked_accounts
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._beats import SEARCH
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._plan import Plan

Accounts = Mapping[str, Mapping[str, Any]]
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """What the module look answered.

    :param changing: environments of which a file would change or go.
    :param differing: paths that would be written or made.
    :param unsettled: units that would be enabled, started, stopped or restarted.
    :param settled: units that run as what they are to be.
    :param running: units that run.
    :param taken: foreign services that are taken over.
    """

    changing: Collection[str]
    differing: Collection[str]
    unsettled: Collection[str]
    settled: Collection[str]
    running: Collection[str]
    taken: Collection[Mapping[str, Any]]


def asked_of(inventory: Inventory) -> list[dict[str, Any]]:
    """Return what the environments of the host ask for, as the module look takes it."""
    return asked_accounts(inventory.variables, inventory.run)


def question_of(inventory: Inventory, options: Options, accounts: Accounts) -> dict[str, Any]:
    """Return what the module look takes."""
    plan = _plan(inventory, options, accounts)
    of_accounts, of_services = plan.account_files(), plan.files()
    return {
        "files": [*of_services["files"], *of_accounts["files"]],
        "directories": [*of_services["directories"], *of_accounts["directories"]],
        "services": plan.trials(is_installed(options)),
        "units": plan.units(options["kinds"]),
        "marker_prefixes": plan.marker_prefixes(),
        "search": list(SEARCH),
        "virtualenvs": plan.virtualenvs(),
    }


def steps_of(inventory: Inventory, options: Options, accounts: Accounts, found: Found) -> dict[str, Any]:
    """Return what has to be done on the host.

    ``differs`` says whether that is anything. ``ready`` are environments that differ and can be converged now,
    ``packages`` those that get their packages first.
    """
    plan = _plan(inventory, options, accounts)
    packages = [] if is_installed(options) else [one["name"] for one in plan.environments if "packages" in one]
    giving = {one["environment"] for one in found.taken}
    differing = {*found.changing, *giving, *_differing(plan, options["kinds"], found)}
    ready = [one["name"] for one in plan.environments if one["name"] in differing and one["name"] not in packages]
    beats = Plan(inventory, ready, accounts).beats(found.settled)
    create = creation_of(plan, found.differing)
    is_beat_apart = bool(beats["hosts"]) or any("beat" in one["kinds"] for one in found.taken)
    return {
        "differs": bool(ready or packages or create["differs"]),
        "ready": ready,
        "packages": packages,
        "passes": passes_of(options["kinds"], is_beat_apart),
        "beats": beats,
        "unserved": unserved(plan, found.taken),
        "migrations": plan.migrations(found.running),
        "create": create,
    }


def creation_of(plan: Plan, differing: Collection[str] | None = None) -> dict[str, Any]:
    """Return what makes users, groups and homes, and whether one of them is not there as it is to be.

    :param differing: paths that differ, None where nobody has looked.
    """
    own = plan.account_files()
    paths = [entry["path"] for key in ("files", "directories") for entry in own[key]]
    differs = paths if differing is None else own["missing"] or {*paths} & {*differing}
    return {**own, "differs": bool(differs)}


def accounts_only(inventory: Inventory, options: Options, accounts: Accounts) -> dict[str, Any]:
    """Return the part of the steps that is about users, groups and homes."""
    return {"create": creation_of(_plan(inventory, options, accounts))}


def is_installed(options: Options) -> bool:
    """Return whether the virtual environments are complete, so that services can be tried with them."""
    return bool(options["installed"] or options["everything"])


def unserved(plan: Plan, taken: Collection[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each foreign service with a queue that no worker of its environment would consume."""
    return [
        f"{one['environment']}: {named(one['manager'], one['name'])} consumes {', '.join(missing)}, and no worker of "
        f"celery_{one['environment']} does; name it in the 'queues' of one, on any host."
        for one in taken
        for missing in [missing_queues(one["queues"], plan.queues(one["environment"]))]
        if missing
    ]


def passes_of(kinds: Collection[str], is_beat_apart: bool) -> list[list[str]]:
    """Return the kinds of services that are converged together, in turn.

    A beat that starts comes after the others where that matters: beats on other hosts are stopped just before, and the
    restart of a worker waits for its tasks; a foreign worker that has beat in it goes when those of the plan are ready.
    """
    if not is_beat_apart or "beat" not in kinds:
        return [list(kinds)]
    return [own for own in ([kind for kind in kinds if kind != "beat"], ["beat"]) if own]


def _differing(plan: Plan, kinds: Collection[str], found: Found) -> Iterator[str]:
    """Yield environments with a directory or an account that is missing, or with a unit that is not as it is to be."""
    for service in plan.of(kinds):
        if found.unsettled and {service["unit"], service["target"], service["watch"]} & {*found.unsettled}:
            yield service["environment"]
        if service["log_directory"] in found.differing:
            yield service["environment"]
    for name in (one["name"] for one in plan.environments):
        if creation_of(Plan(plan.inventory, [name], plan.accounts), found.differing)["differs"]:
            yield name


def _plan(inventory: Inventory, options: Options, accounts: Accounts) -> Plan:
    return Plan(inventory, options["environments"], accounts, options["passwords"])
