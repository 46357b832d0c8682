# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _context
from ansible_collections.stalk.celery.plugins.module_utils._host._context import Context
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.modules import restart

from .asking import Project
from .conftest import Manager, Run

Answers = dict[str, Any]
HOST = os.uname().nodename
BROKEN = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "InvocationID": "cafe"}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(restart, "_SETTLE", 0)


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
            return {context: {} if early else told.get(name, {"nodes": {f"{name}@{HOST}": {"queues": []}}})}

        monkeypatch.setattr(_context, "ask", ask)
        return nodes

    return answers


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
    assert (result["restarted"], result["failed_unit"], result["remaining"]) == ([units[0]], units[1], [units[2]])
    assert f"restart {units[2]}" not in manager.calls
    assert nodes == ["w1, restarts: 1"] * 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"nodes": {}}, f"its node w1@{HOST} does not answer within 1 s."),
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
    ("options", "told"), [("--pool=solo", {"nodes": {}}), ("", {"no_remote_control": True}), ("", {"pool": "solo"})]
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
    asked(w1={"nodes": {}})
    assert ("failed" not in run("restart", units=[unit], patience=1)) is works


def test_patience_begins_when_the_application_has_been_imported(
    run: Run, manager: Manager, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = project.service(manager, "w1")
    now = [0.0]

    def ask(_systemd: Systemd, requests: Mapping[Context, Answers], _timeout: float) -> dict[Context, Answers]:
        now[0] += 60
        answers: Answers = {f"w1@{HOST}": {"queues": []}} if now[0] > 60 else {}
        return {context: {"nodes": answers} for context in requests}

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
