# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules inspect and task, with real workers at a broker of files, and without a result backend."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .asking import Project
from .conftest import Manager, Run

pytestmark = pytest.mark.processes
HOST = os.uname().nodename


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("project")
    made = Project(directory)
    made.start("w1", "--pool=threads", "--concurrency=2", "--queues=celery,routed")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def send(run: Run, name: str, *args: Any, queue: str | None = None, timeout: int = 20, **kwargs: Any) -> dict[str, Any]:
    return run(
        "task",
        environment="live",
        name=f"proj.{name}",
        queue=queue,
        timeout=timeout,
        _arguments=json.dumps([args, kwargs]),
    )


def test_workers_tell_what_they_do(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", "--queues=celery,routed")
    project.service(manager, "dead", "--queues=routed,dead")
    send(run, "nap", 60, timeout=8)
    began = time.monotonic()
    result = run("worker_info", timeout=9)
    assert time.monotonic() - began < 20
    assert (result["changed"], result["problems"]) == (False, [])
    dead, w1 = result["workers"]
    (task,) = w1.pop("active")
    assert (task["name"], task["seconds"] >= 1) == ("proj.nap", True)
    assert w1.pop("total") >= 1
    assert w1 == {
        "environment": "live",
        "name": "w1",
        "unit": "celery-live-w1.service",
        "node": f"w1@{HOST}",
        "answers": True,
        "queues": ["celery", "routed"],
        "reserved": 0,
        "scheduled": 0,
        "pool": "threads",
        "concurrency": 2,
    }
    assert (dead["answers"], dead["queues"], dead["active"]) == (False, None, None)
    assert result["queues"] == {"live": {"celery": 0, "routed": 0, "dead": 0}}


def test_services_that_see_the_same_are_asked_by_one_process(run: Run, manager: Manager, project: Project) -> None:
    for name in ("w1", "w2"):
        project.service(manager, name, f"--queues={name}")
    project.service(manager, "other", DJANGO_SETTINGS_MODULE="other")
    run("worker_info", timeout=3)
    calls = manager.program("systemd-run.calls").read_text()
    assert len(calls.splitlines()) == 2
    for option in ("--uid=live", "--gid=live", "SupplementaryGroups=redis", f"--working-directory={project.directory}"):
        assert option in calls
    assert "hunter2" not in calls


def test_services_that_do_not_run_are_not_asked(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "w1")
    manager.add(unit, **{**manager.units[unit], "MainPID": "0", "ActiveState": "inactive"})
    (worker,) = run("worker_info")["workers"]
    assert worker["answers"] is False
    assert not manager.program("systemd-run.calls").exists()


@pytest.mark.parametrize(("options", "queues"), [("", ["celery"]), ("--queues=kept", ["kept"])])
def test_queues_are_measured_where_no_worker_runs(
    run: Run, manager: Manager, project: Project, options: str, queues: list[str]
) -> None:
    unit = project.service(manager, "w1", options)
    manager.add(unit, **{**manager.units[unit], "MainPID": "0", "ActiveState": "inactive"})
    result = run("worker_info", stopped=True)
    assert (result["workers"][0]["answers"], sorted(result["queues"]["live"])) == (False, queues)


def test_queues_of_a_worker_that_does_not_run_are_measured(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", "--queues=celery")
    unit = project.service(manager, "down", "--queues=kept")
    manager.add(unit, **{**manager.units[unit], "MainPID": "0", "ActiveState": "inactive"})
    send(run, "silent", queue="kept", timeout=2)
    assert run("worker_info", timeout=9)["queues"]["live"]["kept"] == 1


def test_an_application_without_remote_control(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", DEAF="1")
    (worker,) = run("worker_info", timeout=9)["workers"]
    assert (worker["answers"], worker["active"]) == (None, None)


def test_other_environments_are_left_out(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    result = run("worker_info", environments=["uat"])
    assert (result["workers"], result["queues"]) == ([], {})


def test_a_broker_that_is_down_is_a_quick_answer(run: Run, manager: Manager, project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    project.service(manager, "w1", BROKER=f"redis://:hunter2@127.0.0.1:{port}/0")
    began = time.monotonic()
    result = run("worker_info", timeout=30)
    assert time.monotonic() - began < 15
    assert result["problems"][0].startswith("live/w1: connecting to the broker failed: ")
    assert "hunter2" not in result["printed"]


def test_a_broker_that_is_silent_does_not_hang_it(run: Run, manager: Manager, project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        project.service(manager, "w1", BROKER=f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        result = run("worker_info", timeout=4)
    assert result["problems"] == ["live/w1: connecting to the broker took longer than 4 s."]


def test_an_application_that_cannot_be_imported(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", BROKEN="1")
    (problem,) = run("worker_info")["problems"]
    assert problem.startswith("live/w1: importing the application failed:")
    assert problem.endswith("RuntimeError: no settings for ********")


def test_a_virtual_environment_that_is_gone(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", CELERY_BIN="/nowhere/bin/celery")
    (problem,) = run("worker_info")["problems"]
    assert problem.startswith("live/w1: /nowhere/bin/python ended with 1:")


def test_a_task_returns_its_result_without_a_result_backend(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    result = send(run, "add", 1, y=2)
    assert (result["changed"], result["state"], result["result"]) == (True, "SUCCESS", 3)
    assert send(run, "add", "a", "b", queue="celery")["result"] == "ab"


def test_a_task_without_a_result_is_awaited(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    assert send(run, "silent")["state"] == "SUCCESS"


def test_a_task_that_fails(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    result = send(run, "fail")
    assert (result["failed"], result["state"]) == (True, "FAILURE")
    assert result["msg"] == "The task proj.fail failed. The log of the worker that ran it says why."


def test_a_task_that_nobody_runs(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    result = send(run, "add", 1, 2, queue="nobody", timeout=4)
    assert (result["failed"], result["state"]) == (True, "PENDING")
    assert "is not done after 4 s: no worker consumes its queue" in result["msg"]


def test_a_task_that_does_not_exist(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    result = send(run, "ad", 1, 2)
    assert result["msg"] == "live/w1: the application 'proj:app' has no task 'proj.ad'; did you mean 'proj.add'?"


def test_a_host_without_the_environment(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    result = run("task", environment="uat", name="proj.add")
    assert result["msg"] == "'environment': this host has no services of environment 'uat'; it has live."
    result = run("task", environment="live", name="proj.add", unit="celery-live-w9.service")
    assert "it has celery-live-w1.service." in result["msg"]


def test_arguments_are_secret(run: Run, manager: Manager, project: Project, log: list[str]) -> None:
    project.service(manager, "w1")
    result = send(run, "add", "pass", "word-of-mine")
    assert result["result"] == "password-of-mine"
    assert "word-of-mine" not in str(result.get("invocation", ""))
    assert not [line for line in log if "word-of-mine" in line]


def test_nothing_stays_in_the_broker(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    send(run, "add", 1, 2)
    time.sleep(0.5)
    assert not [path.name for path in Path(project.directory / "queues").iterdir() if "reply" in path.name]
    assert not [path.name for path in Path(project.directory / "control").iterdir() if "stalk" in path.name]


@pytest.mark.parametrize("router", ["catching", "redirecting", "strict"])
def test_a_queue_that_is_named_wins_over_every_route(run: Run, manager: Manager, project: Project, router: str) -> None:
    """Its worker has another application, so the answer comes from there."""
    project.service(manager, "w1", ROUTER=router)
    result = send(run, "add", 1, 2, queue="celery", timeout=8)
    assert (result["state"], result["result"]) == ("SUCCESS", 3)


def test_a_router_that_keeps_every_answer_back(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", ROUTER="refusing")
    result = send(run, "add", 1, 2, queue="celery", timeout=8)
    assert "no answer would come back: the router of 'proj:app' (task_routes) fails" in result["msg"]


def test_a_queue_that_the_application_does_not_make(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", PATTERNS="1")
    result = send(run, "add", 1, 2, queue="nobody", timeout=8)
    assert "the application has no queue 'nobody' in task_queues, and makes none" in result["msg"]
