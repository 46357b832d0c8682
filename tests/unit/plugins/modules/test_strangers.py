# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interpreter of an environment answers what it likes: that is a line about the environment, and nothing else."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _ask, _context, _stale

from .asking import Project
from .conftest import Manager, Run

pytestmark = pytest.mark.programs

NODE = f"w1@{os.uname().nodename}"
TOLD = {
    "queues": ["celery"],
    "active": [],
    "reserved": 0,
    "scheduled": 0,
    "total": 7,
    "accepted": 0,
    "pool": "prefork",
    "concurrency": 8,
}
ANSWER = {
    "nodes": {NODE: TOLD},
    "later": {NODE: TOLD},
    "wanted": {NODE: ["celery"]},
    "no_remote_control": False,
    "pool": "prefork",
    "queues": {"celery": 3},
    "worked": {"celery": True},
}
SAYS = "import json; print(json.dumps({}))"
HANDS_ON = """
if os.fork() == 0:
    os.setsid()
    while True:
        os.write(1, b"x")
        time.sleep(0.1)
print("{}")
"""
HOSTILE = {
    "a node that is none": SAYS.format({**ANSWER, "nodes": {NODE: 7}}),
    "tasks that are none": SAYS.format({**ANSWER, "nodes": {NODE: {**TOLD, "active": 7}}}),
    "queues that are none": SAYS.format({**ANSWER, "queues": ["celery"]}),
    "a length that is none": SAYS.format({**ANSWER, "queues": {"celery": {}}}),
    "an error that is none": SAYS.format({"error": 7}),
    "a list": SAYS.format([]),
    "no JSON": "print('{')",
    "deep JSON": "print('[' * 200000)",
    "a huge number": "print('9' * 500000)",
    "nothing": "pass",
    "no UTF-8": r"os.write(1, b'\xff\xfe')",
    "escape sequences": SAYS.format({"error": "\x1b[2J\x9b1m\u202e\rdown\nlive/w1: down"}),
    "escape sequences on stderr": r"sys.stderr.write('\x1b[2J\nlive/w1: down\n'); sys.exit(1)",
    "output without end": "while True: os.write(1, b'x' * 65536)",
    "errors without end": "while True: os.write(2, b'x' * 65536)",
    "no end": "time.sleep(600)",
    "output in other hands": HANDS_ON,
}


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(_ask, "IMPORT", 3)
    monkeypatch.setattr(_context, "_START", 1)
    monkeypatch.setattr(_stale, "look", lambda services, _warn: (services, {one.unit.name: [] for one in services}))


def environment(manager: Manager, directory: Path, name: str, program: str) -> dict[str, Any]:
    """Make a host have an environment whose interpreter is this program; returns its worker as verify takes it."""
    directory.mkdir()
    project = Project(directory)
    interpreter = directory / "bin/python"
    interpreter.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\nsys.stdin.read()\n{program}\n")
    old = project.service(manager, "w1")
    (manager.unit_directory / old).unlink()
    unit = f"celery-{name}-w1.service"
    manager.add(unit, **manager.units[old])
    manager.file(unit, f"# Managed by stalk.celery: {name}/worker/w1.\n")
    return {"unit": unit, "environment": name, "kind": "worker", "name": "w1", "node": "w1@%h", "queues": ["celery"]}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE)
def test_uat_does_not_hide_live(run: Run, manager: Manager, tmp_path: Path, program: str) -> None:
    services = [
        environment(manager, tmp_path / "uat", "uat", program),
        environment(manager, tmp_path / "live", "live", SAYS.format(ANSWER)),
    ]
    began = time.monotonic()
    inspected = run("worker_info", timeout=1)
    verified = run("verify", services=services, timeout=1)
    assert time.monotonic() - began < 20
    assert inspected["queues"]["live"] == {"celery": 3}
    live, uat = inspected["workers"]
    assert (live["answers"], live["total"], uat["answers"]) == (True, 7, False)
    for problems in (inspected["problems"], verified["problems"]):
        (problem,) = problems
        assert problem.startswith("uat/w1: ")
        assert all(line.startswith("    | ") for line in problem.split("\n")[1:]), problem
        assert all(line.isprintable() for line in problem.split("\n")), problem
        assert len(problem) < 60000
    json.dumps([inspected, verified]).encode()


def test_environments_of_several_users_are_asked_at_once(run: Run, manager: Manager, tmp_path: Path) -> None:
    """Their trees are read as their users, who are all threads of the process then; systemd must see root ask."""
    for uid, name in ((23456, "uat"), (23457, "live")):
        environment(manager, tmp_path / name, name, SAYS.format(ANSWER))
        (tmp_path / name / "bin/celery").write_text(f"#!{tmp_path / name}/bin/python\n")
        if os.getuid() == 0:
            for path in (tmp_path / name, *(tmp_path / name).rglob("*")):
                os.chown(path, uid, uid, follow_symlinks=False)
    inspected = run("worker_info", timeout=1)
    assert [worker["answers"] for worker in inspected["workers"]] == [True, True]


def test_nothing_of_the_one_that_is_late_stays(run: Run, manager: Manager, tmp_path: Path) -> None:
    environment(manager, tmp_path / "uat", "uat", "time.sleep(600)")
    run("worker_info", timeout=1)
    options = manager.program("systemd-run.calls").read_text().split()
    (unit,) = (option.partition("=")[2] for option in options if option.startswith("--unit="))
    assert f"stop {unit}" in manager.calls


STATUSES = [
    "\x1b[2J\x1b[31m",
    "a\rMainPID=1",
    "a\x85MainPID=x",
    "a\u2028NRestarts=many",
    "a\x1cMemoryCurrent=9",
    "scheduling; 7 sent, the last at XXX",
    "busy with a task; " + "9" * 4000 + " running",
    "x" * 4096,
]


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_one_short_line(run: Run, manager: Manager, tmp_path: Path, status: str) -> None:
    service = environment(manager, tmp_path / "uat", "uat", SAYS.format({**ANSWER, "nodes": {NODE: None}}))
    manager.add(service["unit"], **{**manager.units[service["unit"]], "StatusText": status})
    (found,) = run("service_facts")["ansible_facts"]["stalk_celery"]["services"]
    assert (found["pid"], found["restarts"]) == (os.getpid(), 0)
    assert found["status"].isprintable()
    assert len(found["status"]) <= 500
    verified = run("verify", services=[service], timeout=1)
    assert "failed" not in verified
    assert all(line.isprintable() for text in verified["problems"] + verified["notes"] for line in text.split("\n"))


def test_a_journal_of_long_and_ugly_lines(run: Run, manager: Manager, tmp_path: Path) -> None:
    service = environment(manager, tmp_path / "uat", "uat", "pass")
    manager.add(service["unit"], **{**manager.units[service["unit"]], "ActiveState": "failed", "MainPID": "0"})
    manager.journal.write_text("x" * 10**7 + "\nlive/w1: down \x1b[2J\u202e\n")
    (problem,) = run("verify", services=[service], timeout=1)["problems"]
    assert problem.endswith("\n    | live/w1: down \\x1b[2J\\u202e")
    assert len(problem) < 5000
