# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""celery_systemd in real processes of Celery, with a broker inside of the process."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.conftest import Start
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.systemd import TIMEOUT, Unit

pytestmark = pytest.mark.processes
WORKER = ("worker", "--concurrency=1", "--without-gossip", "--without-mingle", "--without-heartbeat")
BROKER = "sample://user:**@broker.example//"


def statuses(assignments: list[str]) -> list[str]:
    return [assignment for assignment in assignments if assignment.startswith("STATUS=")]


def test_a_worker_says_what_it_does_from_its_start_to_its_end(start: Start, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.touch()
    unit = start(*WORKER, "--pool=threads", TASKS='[["nap", 4], ["nap", 0]]')
    starting = unit.wait_for(f"STATUS=connecting to {BROKER} since ") + unit.collect(TIMEOUT)
    assert "READY=1" not in starting
    assert starting.count("WATCHDOG=1") == len(statuses(starting)) >= 3
    away.unlink()
    assert f"STATUS=connected to {BROKER}; 0 running, 0 reserved, 0 in total" in unit.wait_for("READY=1")
    unit.wait_for("; 1 running, 1 reserved, 1 in total")

    away.touch()
    unit.wait_for("STATUS=broker unreachable since ")
    unreachable = unit.collect(TIMEOUT)
    assert unreachable.count("WATCHDOG=1") == len(statuses(unreachable)) >= 3
    assert statuses(unreachable)[-1].endswith("; 1 running, 0 reserved, 1 in total")

    away.unlink()
    unit.wait_for(f"STATUS=connected to {BROKER}; 1 running")
    unit.process.send_signal(signal.SIGTERM)
    unit.wait_for("STOPPING=1")
    stopping = unit.collect(TIMEOUT)
    assert stopping.count("WATCHDOG=1") == len(statuses(stopping)) >= 1
    assert statuses(stopping)[0].startswith("STATUS=stopping, waits for running tasks since ")
    assert statuses(stopping)[0].endswith("; 1 running, 0 reserved, 1 in total")
    assert unit.process.wait(20) == 0


@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent", "eventlet", "solo"])
def test_what_an_application_has_of_its_own_works_as_before(start: Start, tmp_path: Path, pool: str) -> None:
    unit = start("--app=own", *WORKER, f"--pool={pool}")
    unit.wait_for("READY=1")
    unit.process.send_signal(signal.SIGUSR2)
    unit.wait_for("WATCHDOG=1")
    unit.process.send_signal(signal.SIGTERM)
    assert unit.process.wait(20) == 0
    assert (tmp_path / "notes").read_text().split() == ["loader", "bootstep", "ready", "usr2", "stop"]


@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_a_frozen_main_loop_is_not_fed_and_leaves_its_traceback(start: Start, pool: str) -> None:
    unit = start(*WORKER, f"--pool={pool}", FREEZE="60")
    unit.wait_for("READY=1")
    unit.wait_for("STATUS=main loop hangs since ")
    assert "WATCHDOG=1" not in unit.collect(TIMEOUT / 2)
    unit.process.send_signal(signal.SIGABRT)
    assert unit.process.wait(20) == -signal.SIGABRT
    assert " in freeze\n" in unit.journal.read_text()


@pytest.mark.parametrize("pool", ["solo", "gevent"])
def test_a_task_that_keeps_the_main_loop_busy_is_no_hang(start: Start, pool: str) -> None:
    unit = start(*WORKER, f"--pool={pool}", TASKS='[["spin", 2]]')
    unit.wait_for("READY=1")
    busy = unit.wait_for("STATUS=busy with a task since ") + unit.wait_for(f"STATUS=connected to {BROKER}; 0 running")
    assert busy.count("WATCHDOG=1") == len(statuses(busy))


def test_a_pool_without_a_free_process_is_no_hang(start: Start) -> None:
    unit = start(*WORKER, "--pool=prefork", TASKS='[["nap", 2], ["nap", 0]]')
    unit.wait_for("READY=1")
    full = unit.wait_for("STATUS=waiting for a free process since ") + unit.wait_for("; 0 running, 0 reserved, 2 in")
    assert full.count("WATCHDOG=1") == len(statuses(full))


def lose_connection_for_a_while(unit: Unit, directory: Path, work: str) -> None:
    """Take the broker away from a worker until it says so, and wait until it has it back with what it runs."""
    (directory / "away").touch()
    unit.wait_for("STATUS=broker unreachable since ")
    (directory / "away").unlink()
    unit.wait_for(f"STATUS=connected to looped://user:**@broker.example//; {work}")


def test_a_result_that_was_read_by_half_when_the_broker_went_away_is_read_to_its_end(
    start: Start, tmp_path: Path
) -> None:
    unit = start(*WORKER, "--pool=prefork", TASKS='[["halve"]]', TRANSPORT="looped")
    unit.wait_for("; 1 running")
    await_file(tmp_path / "half")
    lose_connection_for_a_while(unit, tmp_path, "1 running")
    (tmp_path / "go").touch()
    unit.wait_for("STATUS=connected to looped://user:**@broker.example//; 0 running")


def test_only_the_main_loop_uses_the_connection_when_it_was_lost_and_is_there_again(
    start: Start, tmp_path: Path
) -> None:
    tasks = [*[["hold", "go"]] * 2, *[["nap", 0]] * 10]
    unit = start(*WORKER, "--concurrency=2", "--pool=threads", TASKS=json.dumps(tasks), TRANSPORT="looped")
    unit.wait_for("; 2 running")
    before = await_file(tmp_path / "asked")
    lose_connection_for_a_while(unit, tmp_path, "2 running")
    (tmp_path / "go").touch()
    unit.wait_for("STATUS=connected to looped://user:**@broker.example//; 0 running, 0 reserved")
    asked = [line.split() for line in await_file(tmp_path / "asked").removeprefix(before).splitlines()]
    assert int(asked[0][1]) < int(asked[-1][1]) == 8
    assert {thread for thread, _count in asked} == {"MainThread"}


def test_a_stop_does_not_wait_for_a_result_that_was_read_by_half(start: Start, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=prefork", TASKS='[["halve"]]', TRANSPORT="looped")
    await_file(tmp_path / "half")
    (tmp_path / "away").touch()
    unit.wait_for("STATUS=broker unreachable since ")
    unit.process.send_signal(signal.SIGTERM)
    unit.wait_for("STOPPING=1")
    (tmp_path / "go").touch()
    assert unit.process.wait(20) == 0


def test_a_stop_does_not_wait_for_a_process_that_was_killed_while_it_wrote(start: Start, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=prefork", TASKS='[["halve", "stopping"]]', TRANSPORT="looped")
    unit.wait_for("; 1 running")
    unit.process.send_signal(signal.SIGTERM)
    unit.wait_for("STOPPING=1")
    unit.collect(TIMEOUT)
    (tmp_path / "stopping").touch()
    writer = int(await_file(tmp_path / "half"))
    unit.collect(TIMEOUT)
    os.kill(writer, signal.SIGKILL)
    assert unit.process.wait(30) == 0


def test_a_restart_by_sighup_goes_on_notifying_though_tasks_inherit_nothing(start: Start, tmp_path: Path) -> None:
    unit = start(*WORKER, "--pool=prefork", TASKS='[["write_environment"], ["nap", 1]]')
    unit.wait_for("; 1 running")
    environment = json.loads((tmp_path / "environment").read_text())
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(environment)
    unit.process.send_signal(signal.SIGHUP)
    again = unit.wait_for("READY=1")
    assert "STOPPING=1" not in again
    assert unit.collect(TIMEOUT / 2).count("WATCHDOG=1") >= 1


def test_beat_is_ready_when_it_schedules_and_may_pause_longer_than_the_watchdog(start: Start, tmp_path: Path) -> None:
    unit = start("beat", f"--schedule={tmp_path}/schedule")
    assert "STATUS=scheduling; 0 sent" in unit.wait_for("READY=1")
    pause = unit.wait_for("STATUS=scheduling; 1 sent, the last at 20")
    assert pause.count("WATCHDOG=1") == len(statuses(pause)) >= 3
    unit.process.send_signal(signal.SIGTERM)
    assert unit.process.wait(20) == 0


def test_flower_says_what_it_does_from_its_start_to_its_end(start: Start, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.touch()
    port = free_port()
    unit = start("flower", "--address=127.0.0.1", f"--port={port}")
    listening = f"STATUS=listening at http://127.0.0.1:{port}/; "
    starting = unit.wait_for(f"{listening}connecting to {BROKER} since ") + unit.collect(TIMEOUT)
    assert "READY=1" not in starting
    assert starting.count("WATCHDOG=1") == len(statuses(starting)) >= 3
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck") as answer:
        assert answer.read() == b"OK"
    away.unlink()
    assert f"{listening}connected to {BROKER}" in unit.wait_for("READY=1")

    away.touch()
    unit.wait_for(f"{listening}broker unreachable since ")
    unreachable = unit.collect(3 * TIMEOUT)
    assert unreachable.count("WATCHDOG=1") == len(statuses(unreachable)) >= 6
    away.unlink()
    assert "READY=1" not in unit.wait_for(f"{listening}connected to {BROKER}")

    away.touch()
    unit.wait_for(f"{listening}broker unreachable since ")
    unit.process.send_signal(signal.SIGTERM)
    unit.wait_for("STOPPING=1")
    assert unit.process.wait(5) == 0


def test_a_frozen_flower_is_not_fed_and_leaves_its_traceback(start: Start) -> None:
    unit = start("flower", "--address=127.0.0.1", f"--port={free_port()}", FREEZE="60")
    unit.wait_for("READY=1")
    unit.wait_for("STATUS=main loop hangs since ")
    assert "WATCHDOG=1" not in unit.collect(TIMEOUT / 2)
    unit.process.send_signal(signal.SIGABRT)
    assert unit.process.wait(20) == -signal.SIGABRT
    assert " in freeze\n" in unit.journal.read_text()


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def await_file(path: Path) -> str:
    """Return what is in a file as soon as there is something in it."""
    end = time.monotonic() + 20
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"no {path.name}"
        time.sleep(0.05)
    return path.read_text()
