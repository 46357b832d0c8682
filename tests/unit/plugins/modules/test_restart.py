# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _context, _disk, _processes
from ansible_collections.stalk.celery.plugins.module_utils._host._context import Context
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.modules import restart

from .asking import Project
from .conftest import Manager, Run

pytestmark = pytest.mark.programs

Answers = dict[str, Any]
HOST = os.uname().nodename
MIB = 2**20
RELOAD = (
    "{{ path=/usr/bin/env ; argv[]=/usr/bin/env python3 /x/celery_handover.py -- x ; pid=77 ; code={} ; status={} }}"
)
HANDS_OVER = RELOAD.format("exited", 0)
BROKEN = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "InvocationID": "cafe"}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(restart, "_SETTLE", 0)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what the module warns of."""
    texts: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: texts.append(text))
    return texts


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, manager: Manager) -> Callable[..., list[str]]:
    """Let workers answer as told, at first with nothing; returns the list of the nodes that were asked."""

    def answers(**told: Answers) -> list[str]:
        nodes: list[str] = []

        def ask(_systemd: Systemd, requests: Mapping[Context, Answers], _timeout: float) -> dict[Context, Answers]:
            (context,) = requests
            name = context.service.name
            nodes.append(f"{name}, restarts: {restarts(manager)}")
            early = nodes.count(nodes[-1]) == 1
            return {context: {} if early else told.get(name, {"processes": {f"{name}@{HOST}": 4242}})}

        monkeypatch.setattr(_context, "ask", ask)
        return nodes

    return answers


def hands_over(manager: Manager, project: Project, *names: str, **properties: Any) -> list[str]:
    """Make a host have workers that can be handed over; returns their units."""
    units = [project.service(manager, name) for name in names]
    for name, unit in zip(names, units, strict=True):
        own = project.properties(project.directory / f"{name}.conf")
        manager.running(unit, **{**own, "ExecReload": HANDS_OVER, **properties})
    return units


def jobs(manager: Manager) -> list[str]:
    return [call for call in manager.calls if call.startswith(("restart ", "reload "))]


def restarts(manager: Manager) -> int:
    return sum(call.startswith("restart ") for call in manager.calls)


def test_the_next_is_restarted_when_the_one_before_it_answers(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    units = [project.service(manager, name) for name in ("w2", "w1")] + [project.service(manager, "beat", kind="beat")]
    nodes = asked()
    result = run("restart", units=units)
    assert (result["changed"], result["restarted"], result["remaining"]) == (True, units, [])
    assert [call for call in manager.calls if call.startswith("restart ")] == [f"restart {unit}" for unit in units]
    assert nodes == ["w2, restarts: 1"] * 2 + ["w1, restarts: 2"] * 2


def test_it_ends_at_the_first_that_does_not_come_back(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    units = [project.service(manager, name) for name in ("w1", "w2", "w3")]
    manager.running(units[1], **project.properties(project.directory / "w2.conf"), breaks=BROKEN)
    nodes = asked()
    result = run("restart", units=units)
    assert f"{units[1]} is not up: activating (auto-restart)" in result["msg"]
    assert (result["restarted"], result["failed_units"]) == ([units[0]], [units[1]])
    assert result["remaining"] == [units[2]]
    assert f"restart {units[2]}" not in manager.calls
    assert nodes == ["w1, restarts: 1"] * 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"processes": {}}, f"its node w1@{HOST} does not answer within 1 s."),
        ({"error": "connecting to the broker failed"}, "connecting to the broker failed"),
    ],
)
def test_a_worker_that_is_up_but_does_not_answer(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]], told: Answers, expected: str
) -> None:
    unit = project.service(manager, "w1")
    asked(w1=told)
    result = run("restart", units=[unit], patience=1)
    assert result["msg"] == f"{unit} is up, but it does not work: {expected}"


@pytest.mark.parametrize(
    ("options", "told"), [("--pool=solo", {"processes": {}}), ("", {"no_remote_control": True}), ("", {"pool": "solo"})]
)
def test_a_worker_that_cannot_answer_is_not_waited_for(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]], options: str, told: Answers
) -> None:
    unit = project.service(manager, "w1", options)
    asked(w1=told)
    assert run("restart", units=[unit], patience=60)["restarted"] == [unit]


@pytest.mark.parametrize(
    ("status", "works"), [("connected to x; 1 running", True), ("connected to x; 0 running", False), ("", False)]
)
def test_a_worker_of_one_loop_may_be_busy(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]], status: str, works: bool
) -> None:
    """If it says so: one of type exec says nothing."""
    unit = project.service(manager, "w1", "--pool=gevent")
    manager.running(unit, **project.properties(project.directory / "w1.conf"), StatusText=status)
    asked(w1={"processes": {}})
    assert ("failed" not in run("restart", units=[unit], patience=1)) is works


def test_patience_begins_when_the_application_has_been_imported(
    run: Run, manager: Manager, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = project.service(manager, "w1")
    now = [0.0]

    def ask(_systemd: Systemd, requests: Mapping[Context, Answers], _timeout: float) -> dict[Context, Answers]:
        now[0] += 60
        answers: Answers = {f"w1@{HOST}": 4242} if now[0] > 60 else {}
        return {context: {"processes": answers} for context in requests}

    monkeypatch.setattr(_context, "ask", ask)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    assert run("restart", units=[unit], patience=50)["restarted"] == [unit]


def test_what_does_not_run_or_is_not_ours_is_left_as_it_is(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    stopped = project.service(manager, "w1")
    manager.add(stopped)
    manager.running("foreign.service")
    nodes = asked()
    result = run("restart", units=[stopped, "foreign.service", "celery-live-new.service"])
    assert (result["changed"], result["restarted"], nodes) == (False, [], [])
    assert restarts(manager) == 0


def test_beat_that_systemd_does_not_wait_for_has_to_stay_up(
    run: Run, manager: Manager, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of type exec: active at once, whatever becomes of it."""
    unit = project.service(manager, "beat", kind="beat")
    manager.running(unit, **project.properties(project.directory / "beat.conf"), Type="exec")
    assert run("restart", units=[unit])["restarted"] == [unit]

    def die(_seconds: float) -> None:
        manager.running(unit, **project.properties(project.directory / "beat.conf"), Type="exec")
        manager.running(unit, MainPID="1")

    monkeypatch.setattr("time.sleep", die)
    assert "it ended and was started again" in run("restart", units=[unit])["msg"]


def test_check_mode_restarts_nothing(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    units = [project.service(manager, name) for name in ("w1", "w2")]
    nodes = asked()
    result = run("restart", check=True, units=units)
    assert (result["changed"], result["restarted"], nodes, restarts(manager)) == (True, units, [], 0)


def test_workers_are_handed_over_together_before_the_others_are_restarted(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    beat = project.service(manager, "beat", kind="beat")
    units = hands_over(manager, project, "w1", "w2")
    lock = project.service(manager, "lock")
    asked()
    result = run("restart", units=[beat, *units, lock])
    assert jobs(manager) == [f"reload {' '.join(units)}", f"restart {lock}", f"restart {beat}"]
    assert (result["restarted"], result["handed_over"]) == ([*units, lock, beat], units)
    assert (result["remaining"], result["failed_units"]) == ([], [])


def test_as_many_at_a_time_as_are_asked_for(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    """Of the workers that are restarted one at a time, whatever is asked for: they may have a queue in common."""
    units = hands_over(manager, project, "w1", "w2", "w3")
    others = [project.service(manager, name) for name in ("w4", "w5")]
    asked()
    run("restart", units=[*units, *others], parallel=2)
    assert jobs(manager) == [f"reload {' '.join(units[:2])}", f"reload {units[2]}", *(f"restart {o}" for o in others)]


def test_what_changed_for_the_whole_unit_needs_a_restart(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    """Even if a run died that should have done it, and something else has changed since."""
    units = hands_over(manager, project, "w1", "w2")
    asked()
    _disk.record_change(units[0], cold=True)
    for unit in units:
        _disk.record_change(unit)
    result = run("restart", units=units)
    assert jobs(manager) == [f"reload {units[1]}", f"restart {units[0]}"]
    assert result["handed_over"] == units[1:]


def test_the_new_process_has_to_answer(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    """An answer of the old one, which drains, proves nothing."""
    (unit,) = hands_over(manager, project, "w1", MainPID="500")
    asked(w1={"processes": {f"w1@{HOST}": 500}})
    result = run("restart", units=[unit], patience=1)
    assert result["msg"] == f"{unit} is up, but it does not work: its node w1@{HOST} does not answer within 1 s."
    assert (result["restarted"], result["failed_units"], result["remaining"]) == ([], [unit], [])


def test_where_the_new_process_does_not_start_the_old_one_goes_on(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    """It runs the old code like those whose turn had not come; what started beside it works."""
    units = hands_over(manager, project, "w1", "w2", "w3")
    own = project.properties(project.directory / "w2.conf")
    refuses = {"ExecReload": RELOAD.format("exited", 1), "ReloadResult": "exit-code"}
    manager.running(units[1], **{**own, "ExecReload": HANDS_OVER, "refuses": refuses})
    manager.journal.write_text("w2: no hand-over, the old process goes on: the new process 78 ended with exit code 1\n")
    asked()
    result = run("restart", units=units, parallel=2)
    assert f"{units[1]} was not handed over, and its old process goes on: the new process 78 ended" in result["msg"]
    assert (result["restarted"], result["failed_units"]) == ([units[0]], [units[1]])
    assert result["remaining"] == units[1:]
    assert jobs(manager) == [f"reload {units[0]} {units[1]}"]
    assert any("_PID=77" in line for line in manager.asked)
    assert any("_PID=78" in line for line in manager.asked)


def test_a_process_that_takes_no_part_is_restarted(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]], warnings: list[str]
) -> None:
    (unit,) = hands_over(manager, project, "w1", refuses={"ExecReload": RELOAD.format("exited", 3)})
    asked()
    result = run("restart", units=[unit])
    assert jobs(manager) == [f"reload {unit}", f"restart {unit}"]
    assert (result["restarted"], result["handed_over"]) == ([unit], [])
    assert "its process takes no part in a hand-over" in warnings[0]


def test_a_worker_without_room_for_a_second_process_is_restarted(
    run: Run,
    manager: Manager,
    project: Project,
    asked: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    warnings: list[str],
) -> None:
    """The others are handed over, as many at a time as have room."""
    units = hands_over(manager, project, "small1", "small2", "small3", "large")
    monkeypatch.setattr(_processes, "memory", lambda group: {"": 200, "/large": 600}[group] * MIB)
    monkeypatch.setattr(_processes, "free_memory", lambda: 1000 * MIB)
    own = project.properties(project.directory / "large.conf")
    manager.running(units[3], **{**own, "ExecReload": HANDS_OVER, "ControlGroup": "/large"})
    asked()
    run("restart", units=units, parallel=9)
    assert jobs(manager) == [f"reload {' '.join(units[:2])}", f"reload {units[2]}", f"restart {units[3]}"]
    assert f"{units[3]} is restarted instead of handed over: twice its present memory is 1200 MiB" in warnings[0]


def test_memory_max_is_a_limit_for_both_processes(
    run: Run,
    manager: Manager,
    project: Project,
    asked: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    warnings: list[str],
) -> None:
    (unit,) = hands_over(manager, project, "w1", MemoryMax=str(700 * MIB))
    monkeypatch.setattr(_processes, "memory", lambda _group: 400 * MIB)
    monkeypatch.setattr(_processes, "free_memory", lambda: 10000 * MIB)
    asked()
    run("restart", units=[unit])
    assert jobs(manager) == [f"restart {unit}"]
    assert "is 800 MiB, and its MemoryMax= is 700 MiB" in warnings[0]


def test_check_mode_says_what_would_be_handed_over(
    run: Run, manager: Manager, project: Project, asked: Callable[..., list[str]]
) -> None:
    units = [*hands_over(manager, project, "w1"), project.service(manager, "w2")]
    result = run("restart", check=True, units=units)
    assert (result["restarted"], result["handed_over"], jobs(manager)) == (units, units[:1], [])
