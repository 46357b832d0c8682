# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Celery processes that run beside the services of the collection."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _celery_processes
from ansible_collections.stalk.celery.plugins.module_utils._plan import _foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Application
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process

LIVE, STRANGER = 4001, 4002
PYTHON = ("/srv/venv/bin/python", "/srv/venv/bin/celery")
WORKER = (*PYTHON, "-A", "edc.celery:app", "worker", "-n", "w1@app1")
OURS = {"celery-live-w1.service", "celery-uat-w1.service"}


def application(directory: str = "/srv/edc", **changes: Any) -> Application:
    variables = {"CELERY_BROKER_URL": "redis://live:hunter2@broker1/1", "LEVEL": "1"}
    values = {
        "environment": "live",
        "uid": LIVE,
        "directory": directory,
        "virtualenv": "/srv/venv",
        "current": os.path.realpath(directory),
    }
    return Application(**{**values, "app": "edc.celery:app", "variables": variables, **changes})


def process(*words: str, **changes: Any) -> Process:
    values = {"pid": 11, "parent": 1, "uid": LIVE, "directory": "/srv/edc", "variables": {}}
    return Process(**{**values, "words": words or WORKER, "cgroup": "/system.slice/celery.service", **changes})


def found(*processes: Process, configured: str = "", **changes: Any) -> list[_foreign.Foreign]:
    directories = {process.pid: configured for process in processes}
    return _foreign.find(processes, [application(**changes)], OURS, directories)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (WORKER, "worker"),
        ((*PYTHON, "--app=edc", "beat", "-s", "/tmp/x"), "beat"),
        ((*PYTHON, "-A", "worker", "--broker", "beat", "flower"), "flower"),
        (("python", "-m", "celery", "multi", "start", "w1"), "multi"),
        (("python", "/usr/bin/indico", "celery", "worker", "-B"), "worker"),
        (("[celeryd:", "w1@app1:MainProcess]", "-active-", "worker", "-A", "edc"), "worker"),
        (("[celery", "beat]", "-A", "edc"), "beat"),
        ((*PYTHON, "-A", "edc", "inspect", "active"), ""),
        ((*PYTHON, "-A", "edc", "call", "worker"), ""),
        ((*PYTHON, "-A", "beat", "shell"), ""),
        (("python", "manage.py", "migrate"), ""),
        (("python", "-c", "import celery"), ""),
        (("celery",), ""),
        ((), ""),
    ],
)
def test_what_goes_on_running_and_what_does_not(words: tuple[str, ...], kind: str) -> None:
    assert _foreign.kind_of(words) == kind


@pytest.mark.parametrize(
    ("of_process", "of_environment", "is_same"),
    [
        ("edc", "edc.celery:app", True),
        ("edc.celery", "edc:celery_app", True),
        ("", "edc", True),
        ("edc.celery.uat:app", "edc.celery.live:app", False),
        ("edc:uat", "edc:live", False),
        ("app", "celery", False),
    ],
)
def test_names_of_one_application(of_process: str, of_environment: str, is_same: bool) -> None:
    assert _foreign.is_same_app(of_process, of_environment) is is_same


@pytest.mark.parametrize(
    "beside",
    [
        process(),
        process(directory="/", cgroup="/user.slice/user-0.slice/session-3.scope"),
        process(uid=0, words=("python", "-m", "celery", "-A", "edc", "beat")),
        process(variables={"CELERY_BROKER_URL": "redis://live:hunter2@broker1/1", "LEVEL": "2"}),
    ],
    ids=["a unit", "the virtual environment", "root", "the same broker"],
)
def test_a_process_that_runs_the_application(beside: Process) -> None:
    assert [foreign.environment for foreign in found(beside)] == ["live"]


@pytest.mark.parametrize(
    "other",
    [
        process(cgroup="/system.slice/celery-live-w1.service"),
        process(cgroup="/celery.slice/celery-uat-w1.service/sub"),
        process(cgroup="/system.slice/stalk-try-celery-live-w1.service"),
        process(uid=STRANGER),
        process(uid=STRANGER, cgroup="/user.slice/user-1.slice/user@1.service/app.slice/celery-live-w1.service"),
        process(uid=0, directory="/srv/other"),
        process(*PYTHON, "-A", "edc.celery.uat:app", "worker"),
        process(*PYTHON, "-A", "edc", "inspect", "ping"),
        process("python", "-m", "celery", "-A", "edc", "worker", directory="/srv/other"),
        process(variables={"CELERY_BROKER_URL": "redis://localhost/7"}),
    ],
    ids=[
        "ours",
        "another of ours",
        "a trial",
        "a stranger",
        "a stranger's own manager",
        "root elsewhere",
        "another application",
        "a command",
        "another project",
        "another broker",
    ],
)
def test_a_process_that_is_none_of_the_environments_business(other: Process) -> None:
    assert found(other) == []


def test_no_user_hides_in_a_unit_of_his_own_with_our_name() -> None:
    own = "/user.slice/user-1.slice/user@1.service/app.slice/celery-live-w1.service"
    assert found(process(cgroup=own))


def test_another_users_unit_counts_where_root_lets_it_work_in_the_directory() -> None:
    assert found(process(uid=STRANGER), configured="/srv/edc")
    assert not found(process(uid=STRANGER), configured="/srv/other")


def test_a_user_that_does_not_exist_yet() -> None:
    assert found(process(uid=0), uid=None)
    assert not found(process(), uid=None)


def test_an_older_release_is_the_same_project(tmp_path: Path) -> None:
    for release in ("1", "2"):
        (tmp_path / "releases" / release).mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/2")
    beside = process("python", "-m", "celery", "worker", directory=str(tmp_path / "releases/1"))
    assert found(beside, directory=str(tmp_path / "current"))
    assert not found(beside, directory=str(tmp_path / "releases/2"))


def test_children_are_not_told() -> None:
    assert [one.process.pid for one in found(process(), process(pid=12, parent=11), process(pid=13, parent=12))] == [11]


def test_what_a_process_belongs_to_and_how_it_is_stopped() -> None:
    supervised = {"SUPERVISOR_PROCESS_NAME": "w1", "SUPERVISOR_GROUP_NAME": "edc"}
    texts = [
        str(found(one)[0])
        for one in (
            process(),
            process(cgroup="/system.slice/supervisor.service", variables=supervised),
            process(cgroup="/user.slice/user-0.slice/session-3.scope"),
            process(cgroup="/", words=(*PYTHON, "worker", "-B")),
        )
    ]
    assert "celery.service, pid 11" in texts[0]
    assert texts[0].endswith("through its own manager: systemctl disable --now celery.service.")
    assert "Supervisor's program edc:w1" in texts[1]
    assert texts[1].endswith("supervisorctl stop edc:w1.")
    assert "session-3.scope of a user's session" in texts[2]
    assert "a Celery worker with beat " in texts[3]
    assert texts[3].endswith("kill -TERM 11.")


def test_no_secret_and_no_escape_sequence_is_shown() -> None:
    words = (*PYTHON, "-b", "redis://:hunter2@h/1", "--result-backend=db+x://hunter2", "worker", "-n", "\x1b[2J\nlive")
    (foreign,) = found(process(*words, variables={"API_TOKEN": "hunter3", "SUPERVISOR_PROCESS_NAME": "\x1b[2J"}))
    assert "hunter" not in str(foreign) + repr(foreign.process.variables and foreign.manager)
    assert str(foreign).isprintable()


def test_the_processes_of_this_host(tmp_path: Path) -> None:
    """Only interpreters count: who makes another program run as root gives it any name, and waits at its prompt."""
    script = tmp_path / "celery"
    script.write_text("import time\ntime.sleep(60)\n")
    started = [
        subprocess.Popen([sys.executable, str(script), "-A", "edc", "worker"], cwd=tmp_path, env={"A": "1"}),
        subprocess.Popen(["celery", "worker", "60"], executable="/bin/sleep"),
    ]
    try:
        time.sleep(0.3)
        seen = {one.pid: one for one in _celery_processes.celery()}
    finally:
        for one in started:
            one.kill()
            one.wait()
    own = seen[started[0].pid]
    assert (own.parent, own.uid, own.directory, own.variables["A"]) == (os.getpid(), os.getuid(), str(tmp_path), "1")
    assert _foreign.kind_of(own.words) == "worker"
    assert started[1].pid not in seen
    assert own.pid not in {one.pid for one in _celery_processes.celery()}


def test_the_option_for_beat_is_not_taken_for_that_of_a_broker() -> None:
    """What follows -b is hidden, what follows -B is not."""
    words = [*PYTHON, "-b", "hunter2", "worker", "-B", "--concurrency", "4", "--Broker", "hunter2"]
    shown = _foreign.shown(words, {})
    assert shown.endswith("-b ******** worker -B --concurrency 4 --Broker ********")
