# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a fleet as plain text: one aligned table, what needs attention, what to go back to."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from ansible_collections.stalk.celery.plugins.plugin_utils._status._fleet import Row
from ansible_collections.stalk.celery.plugins.plugin_utils._status._human import ago, memory, number
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import Generation, Status

Cells = dict[str, str]

_GAP = "  "
_SHORTEST = {"QUEUES": 12, "DRAINING": 12, "CONFIGURATION": 13, "RELEASE": 14}  # whose cells may lose their ends
_FIRST_TO_GO = ("PID", "RELEASE", "MEMORY")  # columns to leave out when that is not enough
_ORPHAN = {"environment": "left group", "service": "not wanted"}


@dataclass(frozen=True)
class Line:
    """A line of text; ``bad`` where something is wrong."""

    text: str
    bad: bool = False


def lines_of(status: Status, width: int) -> list[Line]:
    """Return the text.

    :param width: of a line of the table, in characters. Where the names of hosts and services are long, it is longer.
    """
    return [
        Line(f"{status.moment:%Y-%m-%d %H:%M:%S} UTC: {status.summary}"),
        Line(""),
        *_table(status.rows, status.moment, width),
        *_attention(status),
        *_generations(status.generations),
    ]


def queues_text(row: Row) -> str:
    """Return the queues of a worker, each with the number of its messages."""
    known = ", ".join(f"{queue.name}: {number(queue.length)}" for queue in row.queues)
    return known or (number(None) if row.kind == "worker" and row.pid else "")


def running_text(row: Row) -> str:
    """Return how many tasks a worker runs, and how many it could."""
    if row.kind != "worker" or not row.pid:
        return ""
    return number(row.running) + (f" of {row.concurrency}" if row.concurrency else "")


def draining_text(row: Row, now: datetime) -> str:
    """Return how many tasks the older processes of a worker still run, and since when they drain."""
    return ", ".join(f"{one.running} since {ago(one.since, row.seen, now)}" for one in row.draining)


def name_of(release: str) -> str:
    """Return the name of a release, the last part of its path."""
    return posixpath.basename(release)


def configuration_text(row: Row) -> str:
    """Return whether a service is and runs what it should."""
    if row.orphan:
        return _ORPHAN[row.orphan]
    if row.stale:
        return f"stale: {', '.join(row.stale)}"
    return "current" if row.since else ""


def _cells(row: Row, now: datetime) -> Cells:
    return {
        "ENVIRONMENT": row.environment,
        "HOST": row.host,
        "SERVICE": row.service,
        "STATE": _loud(row.state, row.bad),
        "SINCE": ago(row.since, row.seen, now),
        "PID": str(row.pid or ""),
        "MEMORY": memory(row.memory),
        "QUEUES": queues_text(row),
        "RUNNING": running_text(row),
        "DRAINING": draining_text(row, now),
        "RELEASE": name_of(row.release),
        "CONFIGURATION": _loud(configuration_text(row), bool(row.stale or row.orphan)),
        "LAST TICK": ago(row.tick, row.seen, now),
    }


def _loud(text: str, bad: bool) -> str:
    """Return a text with its first part in capitals, where something is wrong."""
    first, colon, rest = text.partition(":")
    return f"{first.upper()}{colon}{rest}" if bad else text


def _table(rows: Sequence[Row], now: datetime, width: int) -> list[Line]:
    if not rows:
        return []
    whole = [_cells(row, now) for row in rows]
    used = [name for name in whole[0] if any(cells[name] for cells in whole)]
    widths = _fitted({name: max(len(name), *(len(cells[name]) for cells in whole)) for name in used}, width)
    heading = Line(_text({name: name for name in widths}, widths))
    grouped = [_without_repetition(*pair) for pair in pairwise([dict.fromkeys(used, ""), *whole])]
    lines = [Line(_text(cells, widths), row.troubled) for row, cells in zip(rows, grouped, strict=True)]
    return [heading, *lines, Line("")]


def _without_repetition(above: Cells, cells: Cells) -> Cells:
    """Return the cells of a row without the environment and the host, where they are those of the row above."""
    if cells["ENVIRONMENT"] != above["ENVIRONMENT"]:
        return cells
    same_host = cells["HOST"] == above["HOST"]
    return {**cells, "ENVIRONMENT": "", **({"HOST": ""} if same_host else {})}


def _fitted(widths: dict[str, int], width: int) -> dict[str, int]:
    """Return the widths of the columns that fit, with as few left out as possible."""
    for count in range(len(_FIRST_TO_GO) + 1):
        fitted = {name: wide for name, wide in widths.items() if name not in _FIRST_TO_GO[:count]}
        _cut_down(fitted, width - len(_GAP) * (len(fitted) - 1))
        if sum(fitted.values()) + len(_GAP) * (len(fitted) - 1) <= width:
            break
    return fitted


def _cut_down(widths: dict[str, int], total: int) -> None:
    """Take from the widest of the columns that may be cut, until their sum is the total or none may be cut further."""
    while sum(widths.values()) > total:
        cut = [name for name, least in _SHORTEST.items() if widths.get(name, 0) > least]
        if not cut:
            break
        widths[max(cut, key=lambda name: widths[name])] -= 1


def _text(cells: Cells, widths: dict[str, int]) -> str:
    return _GAP.join(_cut(cells[name], width).ljust(width) for name, width in widths.items()).rstrip()


def _cut(text: str, width: int) -> str:
    """Return a text with its end left out if it is too long, but never inside a queue length."""
    kept = text[: width - 1]
    return text if len(text) <= width else f"{kept.rstrip('0123456789') if ': ' in kept else kept}…"


def _attention(status: Status) -> list[Line]:
    if not status.items:
        return [Line("Nothing needs attention.")]
    lines = [Line("NEEDS ATTENTION", True)]
    for item in status.items:
        what = ": ".join(filter(None, (item.environment, item.where, item.what)))
        lines += [Line(f"{_GAP}{what}", True), Line(f"{_GAP * 3}{item.command}")]
    return lines


def _generations(generations: Sequence[Generation]) -> list[Line]:
    if not generations:
        return []
    undo = "ansible-playbook stalk.celery.rollback -e celery_rollback_run=RUN undoes one of these runs"
    lines = [Line(""), Line(f"GENERATIONS, the newest first: {undo}")]
    for kept in generations:
        releases = f", release {', '.join(map(name_of, kept.releases))}" if kept.releases else ""
        lines.append(Line(f"{_GAP}{kept.environment}: {kept.run} on {', '.join(kept.hosts)}{releases}"))
    return lines
