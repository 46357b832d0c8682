# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand services over to new processes, as many at a time as this host can start."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Iterator, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import _processes
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import PROPERTIES, Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _handover, _units
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit


@dataclass(frozen=True)
class Round:
    """What became of some services: which were handed over, which have to be restarted, and which failed, and why."""

    done: list[str] = field(default_factory=list)
    cold: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def at_a_time(wanted: int) -> int:
    """Return how many services start at the same time, as many as are ``wanted`` if that is not 0."""
    return _handover.at_a_time(wanted, len(os.sched_getaffinity(0)))


def wants_of_memory(units: Sequence[Unit]) -> dict[str, str]:
    """Return which of ``units`` have no room for a second process, and why."""
    free = _processes.free_memory()
    reasons = {
        unit.name: _handover.want_of_memory(_processes.memory(unit["ControlGroup"]), unit["MemoryMax"], free)
        for unit in units
    }
    return {name: reason for name, reason in reasons.items() if reason}


def rounds(systemd: Systemd, names: Sequence[str], most: int) -> Iterator[Round]:
    """Hand over the services ``names``, ``most`` at a time; the next ones when the caller goes on."""
    waiting = list(names)
    while waiting:
        units = systemd.show(waiting, (*PROPERTIES, *_handover.PROPERTIES))
        cold = wants_of_memory([*units.values()])
        sizes = {name: _processes.memory(units[name]["ControlGroup"]) for name in waiting if name not in cold}
        chosen = _handover.batch(sizes, _processes.free_memory(), most)
        yield _hand_over(systemd, [units[name] for name in chosen], cold)
        waiting = [name for name in waiting if name not in (*chosen, *cold)]


def _hand_over(systemd: Systemd, before: Sequence[Unit], cold: dict[str, str]) -> Round:
    names = [unit.name for unit in before]
    in_time = systemd.jobs("reload", names)
    after = systemd.show(names, (*PROPERTIES, *_handover.PROPERTIES))
    done = [unit.name for unit in before if _handover.is_handed_over(unit, after[unit.name])]
    unable = [name for name in names if name not in done and in_time and _handover.is_unable(after[name])]
    failed = [name for name in names if name not in (*done, *unable)]
    return Round(
        done,
        {**cold, **dict.fromkeys(unable, _handover.UNABLE)},
        {name: _why_not(systemd, after[name], in_time) for name in failed},
    )


def _why_not(systemd: Systemd, after: Unit, in_time: bool) -> str:
    if not after.is_up:
        return _units.explain(after, systemd.journal(after), in_time)
    said = systemd.journal_of([_handover.program(after)])
    pids = _handover.new_process(said)
    return _handover.explain(after, said, systemd.journal_of(pids) if pids else "", in_time)
