# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the soak draws from a seed, and how it judges what became of the tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.soak.draw import KINDS, Fault, Lane, Scope, Shape, Task, draw
from tests.soak.ledger import Batch, Event, Row, rows, table

LANES = [Lane("live", name, host) for host in ("app1", "app2") for name in ("prefork", "threads")]
RABBIT = Lane("uat", "rabbit_prefork", "app1", is_on_redis=False)
CLOCK = Lane("debug", "clock", "app2")
ALL = [*LANES, CLOCK]


def batch(
    kind: str,
    *events: tuple[str, int, float],
    late: Sequence[int] = (),
    sent: Sequence[float] = (0, 1),
    lane: Lane = LANES[0],
) -> Batch:
    """Return what became of tasks that are sent at some times and numbered from 1 on; those of ``late`` are so."""
    tasks = tuple(Task(number, 1.0, number in late, 0.0) for number in range(1, len(sent) + 1))
    found = Batch(Fault(7, kind, 0.0, 0.0, {lane: tasks}), lane)
    found.sent = dict(enumerate(sent, 1))
    found.events = [Event(event, number, at, 1) for event, number, at in events]
    return found


def row(found: Batch) -> Row:
    """Return the row of a table with one batch."""
    (only,) = rows([found])
    return only


def test_a_seed_names_a_run() -> None:
    assert draw(1, ALL, Shape()) == draw(1, ALL, Shape())
    assert draw(1, ALL, Shape()) != draw(2, ALL, Shape())


@pytest.mark.parametrize("seed", range(5))
def test_a_run_has_all_classes_of_faults_and_as_many_tasks_as_promised(seed: int) -> None:
    faults = [fault for one in draw(seed, ALL, Shape()) for fault in one]
    assert len(faults) == 100
    assert {fault.kind for fault in faults} == {*KINDS}
    numbers = [task.number for fault in faults for tasks in fault.tasks.values() for task in tasks]
    assert (len(numbers) >= 10_000, len({*numbers})) == (True, len(numbers))
    assert len({fault.number for fault in faults}) == len(faults)


@pytest.mark.parametrize("seed", range(5))
def test_no_worker_has_two_faults_at_a_time(seed: int) -> None:
    for one in draw(seed, ALL, Shape()):
        hit = Counter(lane for fault in one for lane in fault.tasks)
        assert set(hit.values()) == {1}


def test_a_fault_hits_whom_it_can() -> None:
    for fault in (fault for one in draw(3, ALL, Shape()) for fault in one):
        kind = KINDS[fault.kind]
        if kind.scope is Scope.FLEET:
            assert set(fault.tasks) == {*ALL}
        elif kind.scope is Scope.HOST:
            (host,) = {lane.host for lane in fault.tasks}
            assert set(fault.tasks) == {lane for lane in ALL if lane.host == host}
        else:
            (lane,) = fault.tasks
            assert (lane == CLOCK) == (fault.kind == "clock")
            assert lane.name == "prefork" or fault.kind != "kill_child"


def test_a_few_faults_are_of_different_classes() -> None:
    kinds = ("hand_over", "restart", "reboot", "broker_gone", "kill_child")
    faults = [fault for one in draw(0, LANES, Shape(5, 0, 3.0, kinds)) for fault in one]
    assert sorted(fault.kind for fault in faults) == sorted(kinds)
    assert max(task.seconds for fault in faults for tasks in fault.tasks.values() for task in tasks) <= 3


def test_a_fault_finds_long_tasks_running_and_others_waiting() -> None:
    for fault in (fault for one in draw(4, ALL, Shape()) for fault in one):
        for tasks in fault.tasks.values():
            assert {True, False} == {task.late for task in tasks}
            assert sum(task.pause for task in tasks[:2]) < 1 <= fault.moment < sum(task.pause for task in tasks)
            assert min(task.seconds for task in tasks[:2]) >= 15


def test_a_fault_that_no_worker_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no worker can have clock"):
        draw(0, LANES, Shape(1, 0, 3.0, ("clock",)))


def test_what_is_not_done_is_lost_and_what_began_twice_ran_twice() -> None:
    found = row(batch("kill_main", ("begun", 1, 2), ("begun", 2, 2), ("begun", 2, 3), ("done", 2, 4), late=[2]))
    assert (found.lost, found.twice) == ({False: [1], True: []}, {False: [], True: [2]})
    assert found.tasks == {False: 1, True: 1}


def test_what_could_not_be_sent_is_not_lost() -> None:
    found = batch("broker_gone", ("begun", 1, 2), ("done", 1, 3))
    del found.sent[2]
    assert (row(found).lost, row(found).tasks.total()) == ({False: [], True: []}, 1)


@pytest.mark.parametrize(
    ("kind", "lane", "sent", "stranded"),
    [
        ("hang", LANES[0], [0, 1], [2]),
        ("network", LANES[0], [0, 1], [2]),
        ("hang", RABBIT, [0, 1], []),
        ("broker_restart", LANES[0], [0, 1], [2]),
        ("restart", LANES[0], [0, 1], []),
        ("hang", LANES[0], [0, 1, 2], []),  # two that never began
    ],
)
def test_one_task_may_be_lost_on_its_way_from_redis(
    kind: str, lane: Lane, sent: list[float], stranded: list[int]
) -> None:
    found = row(batch(kind, *LOST, late=[1, 2, 3], sent=sent, lane=lane))
    assert (found.stranded, bool([*found.missed()])) == (stranded, not stranded)


LOST = [("begun", 1, 2.0), ("done", 1, 3.0)]
BEGUN = [*LOST, ("begun", 2, 2.0)]
TWICE = [(event, number, 2.0) for event in ("begun", "done") for number in (1, 2, 2)]


@pytest.mark.parametrize(
    ("kind", "late", "events", "missed"),
    [
        ("restart", [], LOST, ["restart, acknowledged early: lost 2"]),
        ("restart", [2], LOST, ["restart, acknowledged late: lost 2"]),
        ("restart", [], TWICE, ["restart, acknowledged early: run twice 2"]),
        ("restart", [2], TWICE, ["restart, acknowledged late: run twice 2"]),
        ("kill_main", [], BEGUN, []),
        ("kill_main", [2], BEGUN, ["kill -9 of the main process, acknowledged late: lost 2"]),
        ("kill_main", [], TWICE, []),
        ("kill_main", [2], TWICE, []),
        ("broker_gone", [], BEGUN, ["broker away, acknowledged early: lost 2"]),
        ("broker_gone", [2], BEGUN, ["broker away, acknowledged late: lost 2"]),
        ("broker_gone", [], TWICE, []),
        ("broker_gone", [2], TWICE, []),
    ],
)
def test_a_promise_that_is_broken_is_told(
    kind: str, late: list[int], events: list[tuple[str, int, float]], missed: list[str]
) -> None:
    assert [*row(batch(kind, *events, late=late)).missed()] == missed


@pytest.mark.parametrize(
    ("sent", "begun", "gap"),
    [
        ([0, 1], [0.5, 1.5], 0.5),
        ([0, 1], [0.5, 8.0], 7.0),  # it waited since 1
        ([0, 9], [0.5, 9.5], 0.5),  # nothing waited until 9
        ([0, 1, 2], [6.0, 6.1, 6.2], 6.0),  # the first one waited
        ([0, 1, 2], [0.1, 9.0, 2.1], 6.9),  # the second one waited while the third one began
        ([0, 1, 4], [0.5, 6.0, 5.0], 4.0),  # the second one waited since 1, the third one since 4
        ([0, 1], [], 0.0),
    ],
)
def test_a_gap_is_a_time_in_which_none_begins_though_one_waits(
    sent: list[float], begun: list[float], gap: float
) -> None:
    events = [("begun", number, at) for number, at in enumerate(begun, 1)]
    assert batch("restart", *events, sent=sent).gap() == pytest.approx(gap)


def test_a_table_has_a_line_for_each_class_and_one_for_all() -> None:
    found = rows([batch("restart", *TWICE), batch("power", *LOST, late=[2])])
    assert table(found).splitlines()[2:] == [
        "| restart | 1 | 2 | 0 | 1 | 0 | 0 | 0 | 2.0 |",
        "| power cut | 1 | 2 | 0 | 0 | 0 | 0 | 1 | 2.0 |",
        "| all | 2 | 4 | 0 | 1 | 0 | 0 | 1 | 2.0 |",
    ]
