# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A hand-over in real processes of Celery, with a broker inside of each process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.conftest import Start
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.systemd import LIBRARY, SAMPLE, Unit

pytestmark = pytest.mark.processes
WORKER = ("worker", "--concurrency=2", "--without-gossip", "--without-mingle", "--without-heartbeat")
POOLS = ("prefork", "threads", "gevent", "eventlet", "solo")

Popen = subprocess.Popen[str]
Reload = Callable[..., Popen]


@pytest.fixture
def reload(tmp_path: Path) -> Iterator[Reload]:
    """Return a function that starts what systemd runs for a reload of a unit; new processes are killed at the end."""

    def reload_unit(unit: Unit, pool: str, *options: str, app: str = "sample", **environment: str) -> Popen:
        program = [sys.executable, "-I", str(LIBRARY / "celery_handover.py")]
        own = [f"--place={tmp_path}/h", "--identifier=celery-live-w1", "--timeout=40", "--watchdog=8", *options, "--"]
        celery = str(Path(sys.executable).with_name("celery"))
        variables = {
            **os.environ,
            "MAINPID": str(unit.process.pid),
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "CELERYD_HANDOVER": str(tmp_path / "h"),
            "PYTHONPATH": str(LIBRARY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SAMPLE_DIRECTORY": str(tmp_path),
            **environment,
        }
        return subprocess.Popen(
            [*program, *own, celery, f"--app={app}", *WORKER, f"--pool={pool}"],
            cwd=SAMPLE,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    yield reload_unit
    for pid in workers(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def workers(directory: Path) -> set[int]:
    """Return the processes of Celery that work in a directory."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environ = (process / "environ").read_bytes().split(b"\0")
            if f"SAMPLE_DIRECTORY={directory}".encode() in environ and b"worker" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
    return found


def ending(process: subprocess.Popen[Any], unit: Unit, seconds: float = 40) -> int:
    """Return the exit status of a process when it has one; as systemd does, go on reading what the unit says."""
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        unit.collect(0.1)
    return process.wait(0)


def collect_until(unit: Unit, look: Callable[[], bool], seconds: float) -> None:
    """Play systemd until something is so."""
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, f"not within {seconds} s"
        unit.collect(0.05)


def new_main(assignments: list[str]) -> int:
    """Return which process is the main one now."""
    (pid,) = (int(one.partition("=")[2]) for one in assignments if one.startswith("MAINPID="))
    return pid


@pytest.mark.parametrize("pool", POOLS)
def test_the_new_process_takes_over_and_the_old_one_drains(
    start: Start, reload: Reload, tmp_path: Path, pool: str
) -> None:
    unit = start(*WORKER, f"--pool={pool}", CELERYD_HANDOVER=str(tmp_path / "h"), TASKS='[["nap", 15]]')
    unit.wait_for("; 1 running")
    process = reload(unit, pool)
    told = unit.wait_for("MAINPID=")
    assert new_main(told) != unit.process.pid
    assert not [one for one in told if one.startswith("STATUS=starting")], "the new one is silent until then"
    drains = unit.wait_for(f"; process {unit.process.pid} drains since ")
    assert "READY=1" not in drains
    assert ending(process, unit) == 0
    later = unit.collect(5)
    assert not [one for one in later if one.startswith(("DRAINING=", "STATUS=drains"))], "the old one is silent"
    assert ending(unit.process, unit) == 0, "it ends by itself when its task is done"
    assert "Warm shutdown" not in unit.journal.read_text()
    last = ["drains"]
    until = time.monotonic() + 20
    while "drains" in last[-1] and time.monotonic() < until:
        last = [one for one in unit.collect(1) if one.startswith("STATUS=")] or last
    assert "drains" not in last[-1]


def test_code_that_fails_changes_nothing(start: Start, reload: Reload, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=solo", CELERYD_HANDOVER=str(tmp_path / "h"))
    unit.wait_for("READY=1")
    process = reload(unit, "solo", app="nowhere")
    assert ending(process, unit) == 1
    assert process.stderr and "no hand-over, the old process goes on: the new process " in process.stderr.read()
    assert not [one for one in unit.collect(2) if one.startswith("MAINPID=")]
    assert unit.process.poll() is None


def test_a_new_process_that_is_not_ready_in_time_is_ended(start: Start, reload: Reload, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=solo", CELERYD_HANDOVER=str(tmp_path / "h"))
    unit.wait_for("READY=1")
    before = workers(tmp_path)
    (tmp_path / "away").touch()
    process = reload(unit, "solo", "--timeout=6")
    assert ending(process, unit) == 1
    assert process.stderr and "was not ready within 4.5 s" in process.stderr.read()
    assert workers(tmp_path) == before


def test_a_stop_of_the_new_process_waits_for_the_old_one(start: Start, reload: Reload, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=threads", CELERYD_HANDOVER=str(tmp_path / "h"), TASKS='[["nap", 10]]')
    unit.wait_for("; 1 running")
    process = reload(unit, "threads")
    main = new_main(unit.wait_for("MAINPID="))
    assert ending(process, unit) == 0
    os.kill(main, signal.SIGTERM)
    unit.wait_for("STOPPING=1")
    while unit.process.poll() is None:
        os.kill(main, 0)
        unit.collect(0.1)
    assert unit.process.returncode == 0


def test_a_program_that_is_killed_leaves_no_second_worker(start: Start, reload: Reload, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=solo", CELERYD_HANDOVER=str(tmp_path / "h"))
    unit.wait_for("READY=1")
    before = workers(tmp_path)
    process = reload(unit, "solo")
    of_a_reload = 3  # the program, what waits for the new process, and the new process
    collect_until(unit, lambda: len(workers(tmp_path) - before) == of_a_reload, 20)
    process.kill()
    process.wait()
    collect_until(unit, lambda: workers(tmp_path) == before, 20)
    assert unit.process.poll() is None


def test_a_service_that_listens_to_nobody_says_what_to_do(start: Start, reload: Reload) -> None:
    unit = start(*WORKER, "--pool=solo")
    unit.wait_for("READY=1")
    process = reload(unit, "solo")
    unable = 3  # by which modules know it
    assert ending(process, unit) == unable
    assert process.stderr and "restart the service" in process.stderr.read()


def test_a_drain_that_takes_too_long_is_ended(start: Start, reload: Reload, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=prefork", CELERYD_HANDOVER=str(tmp_path / "h"), TASKS='[["nap", 60]]')
    unit.wait_for("; 1 running")
    process = reload(unit, "prefork", "--drain-timeout=3")
    assert ending(process, unit) == 0
    assert ending(unit.process, unit) == 0, "long before its task"
