# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a fleet as one list of rows, from what its hosts reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._verify import is_busy
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._environments import environments_of_run
from ansible_collections.stalk.celery.plugins.plugin_utils._status._namesakes import elsewhere

Report = Mapping[str, Any]

UNREACHABLE = "unreachable"
UNKNOWN = "unknown"
MISSING = "missing"
STOPPED = "stopped"
RUNNING = "running"
BUSY = "busy"
NO_ANSWER = "no answer"
CRASHING = "crashing"
GOOD = (RUNNING, BUSY, "starting", "stopping", "reloading", STOPPED)
_STATES = {
    "active": RUNNING,
    "reloading": "reloading",
    "refreshing": "reloading",
    "activating": "starting",
    "deactivating": "stopping",
    "inactive": STOPPED,
}
_SUBSTATES = {"auto-restart": CRASHING, "exited": "exited"}
_TICK = re.compile(r"sent, the last at ([0-9T:.+-]+Z?)")
_DRAINING = re.compile(r"; process (\d+) drains since ([0-9T:.+-]+Z?); (\d+) running")
_STATUSES = {"broker unreachable": "no broker", "busy with a task": BUSY, "main loop hangs": "hangs"}


@dataclass(frozen=True)
class Queue:
    """A queue that a worker consumes; ``length`` is None when the broker did not tell."""

    name: str
    length: int | None


@dataclass(frozen=True)
class Draining:
    """A process that has handed over to a newer one and still runs so many tasks."""

    pid: int
    since: str
    running: int


@dataclass(frozen=True)
class Row:
    """One service of one host, or with an empty ``service`` an environment of a host that cannot be reached.

    ``stale`` says why the service does not run what it should: ``inventory`` (the files on the host are not what the
    inventory asks for), ``configuration``, ``release``, ``code`` (what is on the host is newer than the process).
    ``orphan`` is set for a service that the inventory does not ask for, to ``service``, or to ``environment`` when the
    host is not even in the environment's group. ``running`` and ``concurrency`` are None where nobody knows them.
    ``seen`` is when the host was looked at, by its own clock, by which ``since`` and ``tick`` are.
    """

    environment: str
    host: str
    service: str = ""
    kind: str = ""
    unit: str = ""
    state: str = UNREACHABLE
    expected: bool = True
    since: str = ""
    pid: int = 0
    memory: int | None = None
    restarts: int = 0
    queues: tuple[Queue, ...] = ()
    running: int | None = None
    concurrency: int | None = None
    draining: tuple[Draining, ...] = ()
    release: str = ""
    stale: tuple[str, ...] = ()
    orphan: str = ""
    tick: str = ""
    seen: str = ""

    @property
    def bad(self) -> bool:
        """Whether the service is not in the state in which it should be."""
        return self.state not in GOOD or (self.state == STOPPED and self.expected)

    @property
    def troubled(self) -> bool:
        """Whether there is anything to do about it."""
        return bool(self.bad or self.stale or self.orphan)


def rows_of(reports: Sequence[Report], limit: str = "") -> list[Row]:
    """Return the services of the run's environments, in the order of environments, hosts, kinds and names.

    :param reports: what is known of each host: ``host``, ``machine`` (what tells it from others, empty if that is not
        known), ``unreachable`` (a message or empty), ``groups`` (its environments), ``wanted`` (the services that the
        inventory asks for), ``looked`` (whether it has said which it has), ``now`` (when, by its clock), ``services``
        (those that it has), ``outdated`` (units of which a file is not what the inventory asks for), ``workers`` and
        ``queues`` (what module stalk.celery.worker_info returned).
    :param limit: the text of ``--limit``.
    """
    rows = [row for report in reports for row in _of_host(_without_namesakes(report, reports), limit)]
    kinds = ["", *KINDS]
    return sorted(
        rows, key=lambda row: (row.environment, _natural(row.host), kinds.index(row.kind), _natural(row.service))
    )


def _natural(name: str) -> list[str | int]:
    """Return a name for comparisons by which w2 comes before w10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _without_namesakes(report: Report, reports: Iterable[Report]) -> Report:
    """Return a report without the services that the same machine has as another host of the inventory."""
    there = elsewhere(report["machine"], report["groups"], ((one["machine"], one["groups"]) for one in reports))
    return {**report, "services": [one for one in report["services"] if one["environment"] not in there]}


def _of_host(report: Report, limit: str) -> list[Row]:
    found = {service["unit"]: service for service in report["services"]}
    groups = list(report["groups"])
    names = dict.fromkeys([*groups, *(service["environment"] for service in found.values())])
    shown = environments_of_run(names, limit)
    if report["unreachable"]:
        return [Row(name, report["host"]) for name in shown] or [Row("", report["host"])]
    wanted = {service["unit"]: service for service in report["wanted"]}
    present = [_row(report, service, wanted.get(unit)) for unit, service in found.items()]
    absent = [_absent(report, service) for unit, service in wanted.items() if unit not in found]
    return [row for row in present + absent if row.environment in shown]


def _absent(report: Report, wanted: Mapping[str, Any]) -> Row:
    own = {key: wanted[key] for key in ("environment", "kind", "unit")}
    return Row(host=report["host"], service=wanted["name"], state=MISSING if report["looked"] else UNKNOWN, **own)


def _row(report: Report, service: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> Row:
    workers: Mapping[str, Mapping[str, Any]] = {worker["unit"]: worker for worker in report["workers"]}
    worker = workers.get(service["unit"], {})
    active = worker.get("active") if worker.get("answers") else None
    tick = _TICK.search(service["status"]) if service["kind"] == "beat" else None
    outdated = ["inventory"] * (wanted is not None and service["unit"] in report["outdated"])
    return Row(
        environment=service["environment"],
        host=report["host"],
        service=service["name"],
        kind=service["kind"],
        unit=service["unit"],
        state=_state(service, worker),
        expected=wanted is not None and wanted["state"] == "started",
        since=service["since"],
        pid=service["pid"],
        memory=service["memory"],
        restarts=service["restarts"],
        queues=_queues(report, service, worker),
        running=None if active is None else len(active),
        concurrency=None if active is None else worker.get("concurrency"),
        draining=_draining(service["status"]),
        release=service["release"],
        stale=(*outdated, *service["stale"]),
        orphan=_orphan(report, service, wanted),
        tick=tick[1] if tick else "",
        seen=report["now"],
    )


def _draining(status: str) -> tuple[Draining, ...]:
    return tuple(Draining(int(pid), since, int(count)) for pid, since, count in _DRAINING.findall(status))


def _orphan(report: Report, service: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> str:
    if service["environment"] not in report["groups"]:
        return "environment"
    return "" if wanted else "service"


def _state(service: Mapping[str, Any], worker: Mapping[str, Any]) -> str:
    state = _SUBSTATES.get(service["substate"]) or _STATES.get(service["state"], str(service["state"]))
    if service["crashing"] and state in (RUNNING, "starting"):
        return CRASHING
    if state != RUNNING:
        return state
    said = [word for status, word in _STATUSES.items() if service["status"].startswith(status)]
    if said or worker.get("answers") is not False:
        return said[0] if said else RUNNING
    return BUSY if is_busy(service["status"], worker.get("pool") or "") else NO_ANSWER


def _queues(report: Report, service: Mapping[str, Any], worker: Mapping[str, Any]) -> tuple[Queue, ...]:
    lengths = report["queues"].get(service["environment"], {})
    names: Sequence[str] = worker.get("queues") or service["queues"]
    return tuple(Queue(name, lengths.get(name)) for name in names)
