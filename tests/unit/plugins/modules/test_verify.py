# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module verify, with real workers at a broker of files, and without a result backend."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk
from ansible_collections.stalk.celery.plugins.module_utils._plan import _verify
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit
from ansible_collections.stalk.celery.plugins.module_utils._plan._verify import Seen, Wanted

from .asking import Project
from .conftest import Manager, Run

pytestmark = pytest.mark.processes
QUEUES = ["a", "b"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("project"))
    made.start("w1", "--pool=threads", "--concurrency=1", "--queues=a,b")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.chdir(project.directory)


def wanted(name: str = "w1", kind: str = "worker", **keys: Any) -> dict[str, Any]:
    unit = f"celery-live-{name}.service"
    service = {"unit": unit, "environment": "live", "kind": kind, "name": name, "queues": [], "state": "started"}
    return {**service, "node": f"{name}@%h" if kind == "worker" else "", "user": "live", **keys}


def change(manager: Manager, unit: str, **properties: str) -> None:
    manager.add(unit, **{**manager.units[unit], **properties})


def verify(run: Run, *services: dict[str, Any], timeout: int = 24) -> tuple[list[str], list[str]]:
    result = run("verify", services=services, timeout=timeout)
    assert result["changed"] is False
    assert "hunter2" not in result["printed"]
    return result["problems"], result["notes"]


def test_services_that_work(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    beat = project.service(manager, "beat", kind="beat")
    change(manager, beat, StatusText="scheduling; 17 sent")
    problems, notes = verify(run, wanted(queues=QUEUES), wanted("beat", "beat"), wanted("off", state="stopped"))
    assert (problems, notes) == ([], ["live/beat: scheduling; 17 sent."])


def test_a_service_that_is_not_there(run: Run, manager: Manager, project: Project) -> None:
    assert verify(run, wanted("w9"))[0] == ["live/w9: this host has no celery-live-w9.service; run site.yml."]


def test_a_service_that_keeps_crashing(run: Run, manager: Manager, project: Project) -> None:
    """Also while it is up, for a moment; the last start has nothing to tell of the crashes before."""
    beat = project.service(manager, "beat", kind="beat")
    change(manager, beat, StatusText="scheduling; 17 sent", InvocationID="f00", NRestarts="4")
    manager.add("celery-live-beat-failing.service", ActiveState="failed")
    manager.journal.write_text("MemoryError\n")
    expected = "keeps crashing, and is started again and again. The last lines of the journal of "
    (problem,), _notes = verify(run, wanted("beat", "beat"))
    assert problem == f"live/beat: {expected}{beat}:\n    | MemoryError"
    assert "f00" not in manager.asked[-1]
    change(manager, beat, ActiveState="activating", SubState="auto-restart", MainPID="0")
    (problem,), _notes = verify(run, wanted("beat", "beat"))
    assert problem.startswith(f"live/beat: {beat} is not up: activating (auto-restart); it {expected}")


def test_the_last_words_of_a_stopped_worker_do_not_count(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "w1")
    change(manager, unit, ActiveState="inactive", SubState="dead", MainPID="0", StatusText="stopping, waits since")
    (problem,), _notes = verify(run, wanted())
    assert problem.startswith(f"live/w1: {unit} is not up: inactive (dead).")


def test_a_service_that_is_down(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "w1")
    failed = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainStatus": "1"}
    change(manager, unit, MainPID="0", **failed)
    manager.journal.write_text("connecting to redis://live:hunter2@broker/1\nKeyError: 'X'\n")
    (problem,), notes = verify(run, wanted(queues=QUEUES))
    assert problem.startswith(f"live/w1: {unit} is not up: failed (failed), exit code 1.")
    assert problem.endswith("KeyError: 'X'")
    assert notes == []


def test_what_the_inventory_does_not_ask_for(run: Run, manager: Manager, project: Project) -> None:
    """Whether it is wrong depends on what the inventory asks for under other names of the machine."""
    unit = project.service(manager, "w1")
    result = run("verify", services=[], environments=["live"], timeout=8)
    problem = f"live/w1: {unit} runs, and the inventory does not ask for it; run site.yml, or remove.yml."
    assert (result["problems"], result["orphans"]) == ([], [{"environment": "live", "problem": problem}])


def test_a_worker_that_stops_is_not_called_dead(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "gone")
    change(manager, unit, ActiveState="deactivating", StatusText="stopping, waits for running tasks since 12:00:00")
    problems, (note,) = verify(run, wanted("gone", queues=["a"]))
    assert (problems, note.startswith("live/gone: stops and lets its tasks end (stopping, waits")) == ([], True)


def test_a_worker_that_systemd_ends_is_not_up(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "gone")
    ended = {"ActiveState": "deactivating", "SubState": "stop-sigterm", "Result": "timeout"}
    change(manager, unit, **ended, StatusText="stopping, waits for running tasks since 12:00:00")
    (problem,), _notes = verify(run, wanted("gone", queues=["a"]))
    assert problem.startswith(f"live/gone: {unit} is not up: deactivating (stop-sigterm), timeout.")


def test_a_worker_that_does_not_answer(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "gone")
    change(manager, unit, StatusText="connected to filesystem://; 1 running")
    manager.journal.write_text("its last line")
    service = wanted("gone", queues=["nobodys"], pool="prefork")
    (problem,), _notes = verify(run, service)
    assert problem.startswith(f"live/gone: the node gone@{os.uname().nodename} does not answer (its status is: conn")
    assert problem.endswith("its last line")
    assert not list(project.directory.glob("queues/*nobodys*")), "a task waits where nobody consumes"


@pytest.mark.parametrize(
    ("pool", "status"),
    [("solo", "connected to x; 1 running, 0 reserved"), ("prefork", "busy with a task since 12:00:00; 1 running")],
)
def test_a_busy_worker_is_not_called_dead(run: Run, manager: Manager, project: Project, pool: str, status: str) -> None:
    change(manager, project.service(manager, "gone"), StatusText=status)
    problems, (note,) = verify(run, wanted("gone", queues=["nobodys"], pool=pool))
    assert (problems, note.startswith("live/gone: does not answer while it is busy")) == ([], True)


def test_an_idle_solo_worker_that_does_not_answer_is_dead(run: Run, manager: Manager, project: Project) -> None:
    change(manager, project.service(manager, "gone"), StatusText="connected to x; 0 running, 0 reserved")
    assert "does not answer" in verify(run, wanted("gone", pool="solo"))[0][0]


def test_a_process_that_a_signal_has_stopped(run: Run, manager: Manager, project: Project) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        unit = project.service(manager, "w1")
        change(manager, unit, MainPID=str(process.pid), StatusText="connected to x; 1 running")
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        try:
            (problem,), notes = verify(run, wanted(queues=QUEUES, pool="solo"))
        finally:
            process.kill()
    assert "live/w1: its process is stopped by a signal (SIGSTOP)" in problem
    assert notes == []


def test_a_process_without_a_sign_of_life(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "beat", kind="beat")
    long_ago = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - 45_000_000
    change(manager, unit, StatusText="scheduling; 17 sent", WatchdogTimestampMonotonic=str(long_ago))
    (problem,), _notes = verify(run, wanted("beat", "beat"))
    assert "live/beat: its process has given no sign of life for 45 s." in problem


@pytest.mark.parametrize("status", ["broker unreachable since 12:00:00; 17 sent", "main loop hangs since 12:00:00"])
def test_beat_that_does_not_schedule(run: Run, manager: Manager, project: Project, status: str) -> None:
    change(manager, project.service(manager, "beat", kind="beat"), StatusText=status)
    (problem,), _notes = verify(run, wanted("beat", "beat"))
    assert problem.startswith(f"live/beat: its status is: {status}.")


def test_other_queues_than_those_of_the_inventory(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    problems, _notes = verify(run, wanted(queues=["a", "c"]))
    assert problems == [
        "live/w1: does not consume the queue 'c'.",
        "live/w1: consumes the queue 'b', which is not in the inventory.",
    ]
    assert not list(project.directory.glob("queues/*.c.msg"))


def test_old_files_release_and_code(run: Run, manager: Manager, project: Project) -> None:
    unit = project.service(manager, "w1")
    _disk.record_change(unit)
    problems, _notes = verify(run, wanted(queues=QUEUES))
    assert problems == ["live/w1: its process is older than its files; run site.yml."]
    reader = pwd.getpwuid(os.getuid()).pw_name
    change(manager, unit, ExecMainStartTimestampMonotonic="1", User=reader)
    assert (
        "live/w1: its process is older than the code or the packages on the disk; run restart.yml."
        in verify(run, wanted(queues=QUEUES))[0]
    )


def test_a_broker_that_is_down_is_told_once(run: Run, manager: Manager, project: Project) -> None:
    for name in ("w1", "w2"):
        project.service(manager, name, BROKER="redis://:hunter2@127.0.0.1:1/0")
    (problem,), _notes = verify(run, wanted(), wanted("w2"))
    assert problem.startswith("live/w1: connecting to the broker failed")
    assert "(the same holds for live/w2)" in problem


def test_an_application_that_takes_no_commands(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", DEAF="1")
    problems, (note,) = verify(run, wanted(queues=QUEUES))
    assert (problems, "takes no remote commands" in note) == ([], True)
    (problem,), _notes = verify(run, wanted(queues=["nobodys"]), timeout=8)
    assert problem.startswith("live/w1: a task in the queue 'nobodys' was not run in time.")


def test_a_task_that_fails_was_run(run: Run, manager: Manager, project: Project) -> None:
    """As where the application has tasks of a class of its own, which wants something of each task."""
    project.start("refusing", "--pool=solo", "--queues=refusing", REFUSES="1")
    project.service(manager, "refusing", "--queues=refusing", REFUSES="1")
    (problem,), _notes = verify(run, wanted("refusing", queues=["refusing"]))
    assert problem.startswith("live/refusing: a task in the queue 'refusing' was run and failed: celery.accumulate")


def test_a_queue_whose_workers_are_all_occupied(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1")
    run("task", environment="live", name="proj.nap", queue="a", timeout=8, _arguments="[[25], {}]")
    problems, notes = verify(run, wanted(queues=QUEUES), timeout=12)
    assert problems == []
    assert notes == [f"live/w1: was too busy to run a task in the queue {queue!r} in time." for queue in QUEUES]


def test_queues_that_the_application_makes(run: Run, manager: Manager, project: Project) -> None:
    """A broadcast and the worker's own queue have other names in each process; one queue is taken out.

    What goes to a broadcast, all workers run: it gets no task.
    """
    project.start("many", "--pool=solo", "--exclude-queues=c", QUEUES="1")
    project.service(manager, "many", "--exclude-queues=c", QUEUES="1")
    before = project.received("celery.accumulate")
    assert verify(run, wanted("many")) == ([], [])
    assert project.received("celery.accumulate") == before + len(QUEUES)


@pytest.mark.parametrize("variable", ["DEAF", "NO_FANOUT"])
def test_a_busy_worker_that_takes_no_commands(run: Run, manager: Manager, project: Project, variable: str) -> None:
    """Also where the broker has no broadcasts, such as SQS. Its status says that it has tasks."""
    change(manager, project.service(manager, "w1", **{variable: "1"}), StatusText="connected to x; 3 running")
    problems, notes = verify(run, wanted(queues=["nobodys"]), timeout=4)
    assert (problems, "takes no remote commands" in notes[0]) == ([], True)
    assert notes[1] == "live/w1: was too busy to run a task in the queue 'nobodys' in time."


@pytest.mark.parametrize(
    ("later", "wrong"),
    [
        ({"active": [{}, {}]}, False),
        ({"accepted": 8, "reserved": 3}, False),
        ({"accepted": 8}, True),
        ({"active": [{}], "reserved": 3}, True),
        ({}, True),
    ],
)
def test_a_queue_with_many_short_tasks(later: dict[str, Any], wrong: bool) -> None:
    """At the moment of the look its workers may be between two of them."""
    worker = Wanted("w1.service", "live", "worker", "w1", "w1@app1", ("a",), "prefork")
    service = Owned("live", "worker", "w1", Unit("w1.service", {}), {})
    before = {"queues": ["a"], "active": [], "reserved": 0, "concurrency": 2, "accepted": 7}
    answer = {
        "no_remote_control": False,
        "nodes": {"w1@app1": before},
        "wanted": {"w1@app1": ["a"]},
        "worked": {"a": False},
        "later": {"w1@app1": {**before, **later}},
    }
    (finding,) = _verify.judge([worker], {"w1.service": Seen(service, False, None, ())}, answer)
    assert finding.wrong is wrong


def test_an_application_that_takes_long_to_import(run: Run, manager: Manager, project: Project) -> None:
    """It has as long as in a trial, beside the timeout."""
    project.service(manager, "w1", SLOW="5")
    assert verify(run, wanted(queues=QUEUES), timeout=4) == ([], [])


def test_a_worker_whose_clock_is_ahead(run: Run, manager: Manager, project: Project) -> None:
    """It would drop a task that is worth nothing after the time for which its answer is awaited."""
    project.start("ahead", "--pool=solo", "--queues=ahead", AHEAD="40")
    project.service(manager, "ahead", "--queues=ahead")
    assert verify(run, wanted("ahead", queues=["ahead"]), timeout=8) == ([], [])


ODD = {
    "a route that catches all": {"ROUTER": "catching"},
    "a router that redirects all": {"ROUTER": "redirecting"},
    "a router that knows its own tasks only": {"ROUTER": "strict"},
    "a router that wants an argument": {"ROUTER": "refusing"},
    "another serializer": {"CONF": "accept_content=yaml task_serializer=yaml"},
    "a serializer that its workers do not take": {"CONF": "accept_content=yaml task_serializer=json"},
    "tasks that run where they are sent": {"EAGER": "1", "ROUTER": "strict"},
    "signal handlers that raise and change": {"SIGNALS": "1"},
}


@pytest.mark.parametrize("variables", ODD.values(), ids=ODD)
def test_a_healthy_worker_of_an_odd_application(
    run: Run, manager: Manager, project: Project, request: pytest.FixtureRequest, variables: dict[str, str]
) -> None:
    """The task goes through each queue, whatever the application does with tasks of its own."""
    name = "odd-" + "-".join(variables.values()).rsplit("=", 1)[-1].replace(" ", "")
    queues = [f"{name}-1", f"{name}-2"]
    project.start(name, "--pool=solo", f"--queues={','.join(queues)}", **variables)
    project.service(manager, name, f"--queues={','.join(queues)}", **variables)
    assert verify(run, wanted(name, queues=queues), timeout=12) == ([], [])
    assert project.log(name).count("Task celery.accumulate") >= len(queues)
    assert not re.search(r"celery.accumulate\[\S+ raised|InternalError", project.log(name))


def test_queues_of_other_exchanges(run: Run, manager: Manager, project: Project) -> None:
    """Each gets one task, by whatever pattern it is bound, also one that the inventory names by its alias.

    All workers would run what goes to a fanout exchange, and this broker cannot go round it.
    """
    project.start("patterns", "--pool=solo", "--queues=mail,sms,all", PATTERNS="1")
    project.service(manager, "patterns", "--queues=mail,sms,all", PATTERNS="1")
    service = wanted("patterns", queues=["mail", "sms", "all"])
    assert verify(run, service, timeout=12) == ([], [])
    assert project.log("patterns").count(" received") == len(["mail", "sms"]), "what goes to all is tried"


@pytest.mark.parametrize("router", ["catching", "refusing"])
def test_a_frozen_pool_is_told_whatever_the_routes(run: Run, manager: Manager, project: Project, router: str) -> None:
    """The main process answers, and another worker is healthy; the routes would send the task there."""
    name = f"frozen-{router}"
    if router == "catching":
        project.start("elsewhere", "--pool=solo", "--queues=elsewhere")
    worker = project.start(name, "--pool=prefork", "--concurrency=1", f"--queues={name}", ROUTER=router)
    project.service(manager, name, f"--queues={name}", ROUTER=router)
    (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGSTOP)
    try:
        (problem,), _notes = verify(run, wanted(name, queues=[name]), timeout=8)
    finally:
        os.kill(int(child), signal.SIGCONT)
    assert problem.startswith(f"live/{name}: a task in the queue {name!r} was not run in time.")


def test_a_router_that_keeps_answers_back_and_no_remote_commands(run: Run, manager: Manager, project: Project) -> None:
    project.service(manager, "w1", ROUTER="refusing", DEAF="1")
    problems, notes = verify(run, wanted(queues=["a"]), timeout=8)
    assert problems == []
    assert notes[1].startswith("live/w1: nobody can tell whether a task in the queue 'a' is run")
