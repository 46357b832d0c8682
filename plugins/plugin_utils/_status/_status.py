# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a fleet at one moment: its services, what needs attention, what it can go back to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.stalk.celery.plugins.plugin_utils._status._attention import Item, items_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._fleet import UNREACHABLE, Report, Row, rows_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._human import plural


@dataclass(frozen=True)
class Generation:
    """What an environment ran before a run of a playbook, on the hosts that this run changed."""

    environment: str
    run: str
    hosts: Collection[str]
    releases: Collection[str]


@dataclass(frozen=True)
class Status:
    """All that is shown."""

    moment: datetime
    rows: tuple[Row, ...]
    items: tuple[Item, ...]
    generations: tuple[Generation, ...]

    @property
    def services(self) -> list[Row]:
        """The rows that are services; the others are hosts that cannot be reached."""
        return [row for row in self.rows if row.service]

    @property
    def states(self) -> Counter[str]:
        """How many services are in each state."""
        return Counter(row.state for row in self.services)

    @property
    def summary(self) -> str:
        """One sentence."""
        counts = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        hosts = plural(len({row.host for row in self.rows}), "host")
        away = len({row.host for row in self.rows if row.state == UNREACHABLE})
        environments = plural(len({row.environment for row in self.rows if row.environment}), "environment")
        unreachable = f" ({away} unreachable)" if away else ""
        return f"{environments} on {hosts}{unreachable}, {plural(len(self.services), 'service')}: {counts or 'none'}"


def status_of(reports: Sequence[Report], moment: datetime, limit: str = "") -> Status:
    """Return the state of the fleet; for the arguments see ``rows_of``."""
    rows = rows_of(reports, limit)
    shown = {row.environment for row in rows}
    limited = bool({*re.split("[:,]", limit)} - {"", *shown})
    generations = [generation for generation in _generations(reports) if generation.environment in shown]
    return Status(
        moment,
        tuple(rows),
        tuple(items_of(rows, reports, limited)),
        tuple(generations),
    )


def _generations(reports: Iterable[Report]) -> list[Generation]:
    """Return the generations of all environments, those of one environment newest first."""
    kept: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for report in reports:
        for environment, generations in report["generations"].items():
            for generation in generations:
                place = kept.setdefault((environment, generation["run"]), [])
                place.append((report["host"], generation["release"]))
    newest_first = sorted(kept, key=lambda key: key[1], reverse=True)
    return [
        Generation(*key, *(dict.fromkeys(filter(None, part)) for part in zip(*kept[key], strict=True)))
        for key in sorted(newest_first, key=lambda key: key[0])
    ]
