# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was sent and what the hosts have recorded of it: lost, run twice, and the longest gap, by class of fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.soak.draw import KINDS, Fault, Lane, Task


@dataclass(frozen=True)
class Event:
    """A task has ``begun`` or is ``done``: its number, when, and the process that runs it."""

    event: str
    number: int
    at: float
    pid: int


@dataclass
class Batch:
    """The tasks that a worker had when a fault hit it, when they were sent, and what its host has recorded of them.

    What could not be sent, since the broker was away, is not in ``sent``.
    """

    fault: Fault
    lane: Lane
    sent: dict[int, float] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def tasks(self) -> list[Task]:
        """The tasks that were sent."""
        return [task for task in self.fault.tasks[self.lane] if task.number in self.sent]

    def numbers(self, event: str) -> Counter[int]:
        """Return how often each task has ``begun`` or is ``done``."""
        return Counter(one.number for one in self.events if one.event == event)

    def unfinished(self) -> list[Task]:
        """Return the tasks that are not done."""
        done = self.numbers("done")
        return [task for task in self.tasks if task.number not in done]

    def may_come(self) -> bool:
        """Return whether one that is not done was not acknowledged yet, as far as is known."""
        begun = self.numbers("begun")
        return any(task.late or task.number not in begun for task in self.unfinished())

    def stranded(self) -> list[Task]:
        """Return the task that was lost on its way from Redis to the worker, if that can be."""
        begun = self.numbers("begun")
        never = [task for task in self.unfinished() if task.number not in begun]
        can_be = KINDS[self.fault.kind].strands and self.lane.is_on_redis
        return never if can_be and len(never) == 1 else []

    def gap(self) -> float:
        """Return the longest time in seconds in which no task began although one waited that began later."""
        begun: dict[int, float] = {}
        for event in self.events:
            if event.event == "begun":
                begun[event.number] = min(event.at, begun.get(event.number, event.at))
        in_order = sorted((number for number in begun if number in self.sent), key=begun.__getitem__)
        longest, waits_since, later = 0.0, float("inf"), float("-inf")
        for number in reversed(in_order):
            longest = max(longest, later - max(begun[number], waits_since))
            waits_since, later = min(waits_since, self.sent[number]), begun[number]
        return max(longest, later - waits_since) if in_order else 0.0


@dataclass
class Row:
    """What a class of faults did to tasks that are acknowledged early (False) and late (True)."""

    kind: str
    faults: set[int] = field(default_factory=set)
    tasks: Counter[bool] = field(default_factory=Counter)
    lost: Mapping[bool, list[int]] = field(default_factory=lambda: {False: [], True: []})
    twice: Mapping[bool, list[int]] = field(default_factory=lambda: {False: [], True: []})
    stranded: list[int] = field(default_factory=list)
    gap: float = 0.0

    def missed(self) -> Iterator[str]:
        """Yield what must not be.

        Where a process is ended without being asked, one that is acknowledged early may be lost, and one of which the
        broker does not know yet that it is done or acknowledged may run twice.
        """
        kind = KINDS[self.kind]
        for late, name in ((False, "early"), (True, "late")):
            if self.lost[late] and (late or not kind.ends):
                yield f"{kind.title}, acknowledged {name}: lost {_numbers(self.lost[late])}"
            if self.twice[late] and not (kind.ends or kind.cuts):
                yield f"{kind.title}, acknowledged {name}: run twice {_numbers(self.twice[late])}"


def _numbers(some: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(some)))


def rows(batches: Sequence[Batch]) -> list[Row]:
    """Return what each class of faults did, in the order of their table."""
    found: dict[str, Row] = defaultdict(lambda: Row(""))
    for batch in batches:
        row = found[batch.fault.kind]
        row.kind = batch.fault.kind
        row.faults.add(batch.fault.number)
        row.gap = max(row.gap, batch.gap())
        begun = batch.numbers("begun")
        for task in batch.tasks:
            row.tasks[task.late] += 1
            if begun[task.number] > 1:
                row.twice[task.late].append(task.number)
        stranded = batch.stranded()
        row.stranded += [task.number for task in stranded]
        for task in batch.unfinished():
            if task not in stranded:
                row.lost[task.late].append(task.number)
    return [found[kind] for kind in KINDS if kind in found]


def table(found: Sequence[Row]) -> str:
    """Return the rows as a table for people, with their sum."""
    titles = (
        "fault",
        "times",
        "tasks",
        "early: lost",
        "early: run twice",
        "late: lost",
        "late: run twice",
        "lost on the way from Redis",
        "longest gap, s",
    )
    cells = [(KINDS[row.kind].title, *_counts([row])) for row in found]
    head, *body = [f"| {' | '.join(line)} |" for line in (titles, *cells, ("all", *_counts(found)))]
    return "\n".join([head, "|---" * len(titles) + "|", *body])


def _counts(some: Sequence[Row]) -> list[str]:
    counts = [sum(len(row.faults) for row in some), sum(row.tasks.total() for row in some)]
    for late in (False, True):
        counts += [sum(len(row.lost[late]) for row in some), sum(len(row.twice[late]) for row in some)]
    counts.append(sum(len(row.stranded) for row in some))
    return [*map(str, counts), f"{max(row.gap for row in some):.1f}"]
