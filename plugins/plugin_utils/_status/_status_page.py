# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a fleet as one web page that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import cleaned
from ansible_collections.stalk.celery.plugins.plugin_utils._status import _human
from ansible_collections.stalk.celery.plugins.plugin_utils._status._fleet import STOPPED, UNREACHABLE, Row
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import Status
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_table import (
    configuration_text,
    draining_text,
    name_of,
    running_text,
)
from jinja2 import Environment, StrictUndefined

_TEMPLATE = Path(__file__).parents[3] / "roles/celery_service/templates/status.html.j2"
_BARS = 12  # that a chart has at most
_GOOD, _WARN, _BAD, _IDLE = "good", "warn", "bad", "idle"


@dataclass(frozen=True)
class Part:
    """A part of a bar: its length in percent of the longest bar, and what it is."""

    percent: float
    tone: str


@dataclass(frozen=True)
class Bar:
    """A line of a chart."""

    label: str
    note: str
    parts: tuple[Part, ...]
    text: str


@dataclass(frozen=True)
class Chart:
    """Bars, and how many there was no room for."""

    bars: Sequence[Bar]
    omitted: int = 0


@dataclass(frozen=True)
class Figure:
    """A number that is shown large."""

    value: str
    label: str
    note: str
    tone: str


def page_of(status: Status) -> str:
    """Return the page. All that comes from hosts and from the inventory is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        ago=lambda moment, seen: _human.ago(moment, seen, status.moment),
        clock=_human.clock,
        memory=_human.memory,
        number=_human.number,
        plural=_human.plural,
        configuration=configuration_text,
        name_of=name_of,
        running=running_text,
        draining=lambda row: draining_text(row, status.moment),
        tone=tone,
    )
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        status=status,
        figures=figures_of(status),
        environments=[(name, list(rows)) for name, rows in groupby(status.rows, key=lambda row: row.environment)],
        states=states_chart(status),
        queues=queues_chart(status),
        memories=memory_chart(status),
    )
    return f"{cleaned(page)}\n"


def tone(row: Row) -> str:
    """Return how a service is doing."""
    if row.bad:
        return _BAD
    if row.troubled:
        return _WARN
    return _IDLE if row.state == STOPPED else _GOOD


def figures_of(status: Status) -> list[Figure]:
    """Return the figures of the whole fleet."""
    expected = [row for row in status.services if row.expected]
    well = [row for row in expected if not row.bad]
    hosts = {row.host for row in status.rows}
    reached = hosts - {row.host for row in status.rows if row.state == UNREACHABLE}
    lengths = _lengths(status.services)
    known = [length for length in lengths.values() if length is not None]
    counted = [row for row in status.services if row.running is not None]
    unknown = len(lengths) - len(known)
    idle = len(status.services) - len(expected)
    return [
        Figure(
            f"{len(well)} of {len(expected)}",
            "services at work",
            f"{idle} stopped on purpose" if idle else "",
            _BAD if len(well) < len(expected) else _GOOD,
        ),
        Figure(f"{len(reached)} of {len(hosts)}", "hosts reached", "", _BAD if hosts - reached else _GOOD),
        Figure(
            str(sum(known)),
            "tasks waiting",
            f"in {_human.plural(len(known), 'queue')}" + (f", {unknown} unknown" if unknown else ""),
            _IDLE,
        ),
        Figure(
            str(sum(row.running or 0 for row in counted)),
            "tasks running",
            f"in {_human.plural(len(counted), 'worker')}",
            _IDLE,
        ),
    ]


def states_chart(status: Status) -> Chart:
    """Return the services of each environment by state."""
    bars = []
    for name, group in groupby(status.services, key=lambda row: row.environment):
        rows = sorted(group, key=lambda row: (_GOOD, _WARN, _IDLE, _BAD).index(tone(row)))
        tones = Counter(tone(row) for row in rows)
        states = Counter(row.state for row in rows)
        parts = tuple(Part(100 * count / len(rows), kind) for kind, count in tones.items())
        bars.append(Bar(name, "", parts, ", ".join(f"{count} {state}" for state, count in states.items())))
    return Chart(bars)


def queues_chart(status: Status) -> Chart:
    """Return the messages that wait in each queue, and the tasks that run in the workers of it."""
    lengths, running = _lengths(status.services), _running(status.services)
    longest = max([1, *filter(None, (*lengths.values(), *running.values()))])
    bars = [
        Bar(
            queue,
            environment,
            (Part(100 * (waiting or 0) / longest, "wait"), Part(100 * (at_work or 0) / longest, "run")),
            f"{_human.number(waiting)} waiting, {_human.number(at_work)} running",
        )
        for (environment, queue), waiting in sorted(lengths.items(), key=lambda pair: (-(pair[1] or 0), pair[0]))
        for at_work in [running[environment, queue]]
    ]
    return Chart(bars[:_BARS], len(bars[_BARS:]))


def memory_chart(status: Status) -> Chart:
    """Return the memory of each service, the largest first."""
    sizes = sorted(((row.memory, row) for row in status.services if row.memory), key=lambda pair: -pair[0])
    bars = [
        Bar(
            row.service,
            f"{row.environment} on {row.host}",
            (Part(100 * size / sizes[0][0], "memory"),),
            _human.memory(size),
        )
        for size, row in sizes
    ]
    return Chart(bars[:_BARS], len(bars[_BARS:]))


def _lengths(rows: Iterable[Row]) -> dict[tuple[str, str], int | None]:
    """Return the length of each queue, the largest that a host saw, None where no host knows it."""
    lengths: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        for queue in row.queues:
            seen = lengths.setdefault((row.environment, queue.name), [])
            seen += [] if queue.length is None else [queue.length]
    return {key: max(seen, default=None) for key, seen in lengths.items()}


def _running(rows: Iterable[Row]) -> dict[tuple[str, str], int | None]:
    """Return how many tasks the workers of each queue run, None where one of them does not tell."""
    counts: dict[tuple[str, str], list[int | None]] = {}
    for row in rows:
        for queue in row.queues:
            counts.setdefault((row.environment, queue.name), []).append(row.running if row.pid else 0)
    return {key: None if None in found else sum(filter(None, found)) for key, found in counts.items()}
