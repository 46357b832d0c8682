# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pwd
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import node_name
from celery.utils.nodenames import default_nodename, host_format

from .conftest import Manager, Run

W1, BEAT = "celery-live-w1.service", "celery-live-beat.service"
USER = pwd.getpwuid(os.getuid()).pw_name  # who may enter the directories of the tests
VARIABLES = """\
# Managed by stalk.celery: live/worker/w1.
CELERY_BIN="{directory}/.venv/bin/celery"
CELERY_APP="proj.celery:app"
CELERYD_NODES="w1@%h"
CELERYD_OPTS="--pool=gevent --queues=mails,imports --concurrency=8"
BROKER_URL="redis://live:hunter2@broker/1"
"""


def monotonic(seconds_ago: float = 0) -> int:
    return int((time.clock_gettime(time.CLOCK_MONOTONIC) - seconds_ago) * 1e6)


class Host:
    """A host whose services are this process, in the directory ``current`` of a project."""

    def __init__(self, manager: Manager, directory: Path) -> None:
        self.manager = manager
        self.directory = directory
        self.current = directory / "current"
        self.variables = directory / "w1.conf"
        self.variables.write_text(VARIABLES.format(directory=directory))
        for release in ("1", "2"):
            (directory / release).mkdir()
        self.link("1")
        os.chdir(directory / "1")

    def link(self, release: str) -> None:
        self.current.unlink(missing_ok=True)
        self.current.symlink_to(release)

    def worker(self, **properties: Any) -> None:
        self.manager.file(W1)
        self.manager.running(
            W1,
            **{
                "MainPID": str(os.getpid()),
                "ActiveEnterTimestampMonotonic": str(properties.get("since", monotonic(100))),
                "User": USER,
                "Group": "live",
                "WorkingDirectory": str(self.current),
                "EnvironmentFiles": f"{self.variables} (ignore_errors=no)",
                "MemoryCurrent": "1048576",
                "NRestarts": "2",
                "StatusText": "connected; 1 running",
                "since": monotonic(101),
                **properties,
            },
        )


@pytest.fixture
def host(manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    return Host(manager, tmp_path / "project")


def services(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run("service_facts")["ansible_facts"]["stalk_celery"]["services"]
    return found


def test_a_running_worker(run: Run, host: Host) -> None:
    host.worker()
    result = run("service_facts")
    (worker,) = result["ansible_facts"]["stalk_celery"]["services"]
    since = datetime.fromisoformat(worker.pop("since"))
    assert 98 < (datetime.now(UTC) - since).total_seconds() < 130
    assert worker == {
        "environment": "live",
        "kind": "worker",
        "name": "w1",
        "unit": W1,
        "node": f"w1@{os.uname().nodename}",
        "queues": ["mails", "imports"],
        "pool": "gevent",
        "app": "proj.celery:app",
        "user": USER,
        "directory": str(host.current),
        "state": "active",
        "substate": "running",
        "enabled": True,
        "pid": os.getpid(),
        "memory": 1048576,
        "restarts": 2,
        "crashing": False,
        "status": "connected; 1 running",
        "release": str(host.directory / "1"),
        "current": str(host.directory / "1"),
        "stale": [],
    }
    assert result["changed"] is False
    assert "hunter2" not in result["printed"]


def test_a_worker_that_keeps_crashing(run: Run, host: Host) -> None:
    """Its watch has made this known, by a unit that has failed."""
    host.worker()
    host.manager.add("celery-live-w1-failing.service", ActiveState="failed")
    assert [worker["crashing"] for worker in services(run)] == [True]
    host.worker(NRestarts="0")  # somebody has mended it and started it again; the watch waits whether it lasts
    host.manager.add("celery-live-w1-failing.service", ActiveState="failed")
    assert [worker["crashing"] for worker in services(run)] == [False]


def test_a_service_that_never_ran(run: Run, host: Host) -> None:
    host.manager.file(BEAT, "# Managed by stalk.celery: live/beat/beat/app1.\n")
    host.manager.add(BEAT, WorkingDirectory=str(host.current), MemoryCurrent="[not set]", User="live")
    (beat,) = services(run)
    assert (beat["kind"], beat["node"], beat["queues"], beat["state"]) == ("beat", "", [], "inactive")
    assert (beat["since"], beat["pid"], beat["memory"], beat["release"], beat["stale"]) == ("", 0, None, "", [])


@pytest.mark.parametrize(
    ("state", "event"),
    [("failed", "InactiveEnter"), ("activating", "InactiveExit"), ("deactivating", "ActiveExit")],
)
def test_since_when_it_is_in_its_state(run: Run, host: Host, state: str, event: str) -> None:
    host.worker(ActiveState=state, **{f"{event}TimestampMonotonic": str(monotonic(20))})
    age = datetime.now(UTC) - datetime.fromisoformat(services(run)[0]["since"])
    assert 18 < age.total_seconds() < 50


@pytest.mark.parametrize("written", ["w1@%h", "w1@host.example", "customers.%h", "customers", "%n@%d", "w%%@%h"])
def test_the_node_is_named_as_celery_names_it(written: str) -> None:
    assert node_name(written, "app1.example") == host_format(default_nodename(written), "app1.example")


def test_files_of_others_are_not_services(run: Run, host: Host) -> None:
    host.manager.file("celery.service", "[Service]\nExecStart=/usr/bin/celery\n")
    host.manager.file("celery-live.target", "# Managed by stalk.celery: live/environment/target.\n")
    assert services(run) == []
    assert host.manager.calls == []


def test_files_written_after_the_start_make_a_service_stale(run: Run, host: Host) -> None:
    host.worker()
    _disk.record_change(W1)
    assert services(run)[0]["stale"] == ["configuration"]
    host.worker(since=monotonic())
    assert services(run)[0]["stale"] == []


def test_a_process_is_as_old_as_its_start_when_it_has_taken_over(run: Run, host: Host) -> None:
    """For systemd 252 it is as old as its taking over; what was written in between it has not read."""
    _disk.record_change(W1)
    host.worker(since=monotonic(-1), ActiveEnterTimestampMonotonic=str(monotonic(100)))
    assert services(run)[0]["stale"] == ["configuration"]
    host.worker(since=monotonic(-1))
    assert services(run)[0]["stale"] == []


def test_another_release_makes_a_service_stale(run: Run, host: Host) -> None:
    host.worker()
    host.link("2")
    (worker,) = services(run)
    assert (worker["release"], worker["current"]) == (str(host.directory / "1"), str(host.directory / "2"))
    assert worker["stale"] == ["release"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [("/", ""), ("1/source", "1"), ("2", "2")],
    ids=["away", "below its release", "in another release"],
)
def test_an_application_that_goes_elsewhere_is_not_of_another_release(
    run: Run, host: Host, place: str, expected: str
) -> None:
    (host.directory / "1/source").mkdir()
    os.chdir(host.directory / place)
    host.worker()
    (worker,) = services(run)
    assert worker["release"] == (str(host.directory / expected) if expected else "")
    assert worker["stale"] == ["release"] * (expected == "2")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("1/proj/tasks.py", ["code"]),
        (".venv/lib/python3.11/site-packages/celery-5.7.0.dist-info/METADATA", ["code"]),
        ("1/proj/__pycache__/tasks.cpython-311.pyc", []),
        ("1/media/upload.csv", []),
        ("1/.git/hooks/hook.py", []),
    ],
)
def test_newer_code_makes_a_service_stale(run: Run, host: Host, path: str, expected: list[str]) -> None:
    file = host.directory / path
    file.parent.mkdir(parents=True)
    file.touch()
    os.utime(file, (0, 0))
    host.worker()
    assert services(run)[0]["stale"] == expected
    time.sleep(0.1)
    host.worker(since=monotonic())
    assert services(run)[0]["stale"] == []


def test_a_virtual_environment_in_the_directory_is_not_its_code(run: Run, host: Host) -> None:
    python_file = host.directory / "1/venv/lib/python3.11/site-packages/celery/app.py"
    python_file.parent.mkdir(parents=True)
    python_file.touch()
    (host.directory / "1/venv/pyvenv.cfg").touch()
    host.worker()
    assert services(run)[0]["stale"] == []


def test_variables_that_somebody_tuned_by_hand(run: Run, host: Host) -> None:
    host.variables.write_text("CELERYD_NODES=w1@%n\n CELERYD_OPTS='-Q bulk -P threads -Qnight' \n# A=b\nnonsense\n")
    host.worker()
    (worker,) = services(run)
    assert (worker["queues"], worker["pool"]) == (["night"], "threads")
    assert worker["node"] == f"w1@{os.uname().nodename.partition('.')[0]}"


def test_without_privileges(run: Run, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.worker()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    result = run("service_facts")
    assert result["failed"]
    assert "set 'become: true'" in result["msg"]
