# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten classes of faults under tasks that are acknowledged early and late: ``make soak``, as short as it can be."""

from __future__ import annotations

from tests.soak.draw import Shape, draw
from tests.soak.field import Field
from tests.soak.ledger import rows, table
from tests.soak.run import Soak, lanes_of

SEED = 14
KINDS = (
    "hand_over",
    "restart",
    "stop_both",
    "stop",
    "pause",
    "clock",
    "kill_child",
    "deploy",
    "reboot",
    "broker_restart",
)
LONGEST = 6.0  # seconds that a task takes


def test_what_must_not_be_lost_or_run_twice_is_not() -> None:
    """Each class of faults came once, to workers that had tasks, and no promise is broken."""
    lanes = lanes_of(["live", "debug"])
    soak = Soak(Field(lanes, {}, outage=0))
    soak.run(draw(SEED, lanes, Shape(len(KINDS), 0, LONGEST, KINDS)))
    found = rows(soak.batches)
    print(table(found))
    assert soak.troubles == []
    assert [text for row in found for text in row.missed()] == []
    assert sorted(row.kind for row in found) == sorted(KINDS)
    assert all(row.tasks[late] > 0 for row in found for late in (False, True))
