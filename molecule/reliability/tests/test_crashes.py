# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that die, and processes that hang."""

from __future__ import annotations

import pytest

from tests.faults import children, send_signal
from tests.fleet import Service, again, on_host, service, ticks, wait_for_new_processes
from tests.work import assert_each_done_once, eventually, run_tasks, send_new, together, wait_for_all

HOSTS = ("app1", "app2")


@pytest.fixture
def beat() -> Service:
    """Return the beat."""
    return service("app1", "celery-live-beat")


def come_back(old: list[Service], seconds: float) -> list[Service]:
    """Return the services when each of them has a new process and each worker among them has run a task."""
    new = wait_for_new_processes(old, seconds)
    run_tasks([one for one in new if one.name != "beat"])
    return new


def assert_ticks(beat: Service) -> None:
    """Wait for two more ticks of beat."""
    worker = service(beat.host, "celery-live-threads")
    before = ticks(worker)
    eventually("two ticks", lambda: ticks(worker) >= before + 2, 20)


def test_a_main_process_that_is_killed_comes_back_and_consumes(workers: list[Service], beat: Service) -> None:
    """kill -9 of the main processes of all pools and of beat."""
    together(lambda one: send_signal("KILL", one), [*workers, beat])
    come_back([*workers, beat], 60)
    assert_ticks(beat)


def test_workers_that_are_told_to_shut_down_come_back(workers: list[Service]) -> None:
    """``celery control shutdown`` ends all workers of the environment with exit status 0: nobody has to start them."""
    on_host("app1", "sh", "-c", "celery-live control shutdown || test $? -eq 69")  # they end without an answer
    come_back(workers, 60)


def test_a_child_that_is_killed_is_replaced_and_harms_no_other() -> None:
    """kill -9 of a child of the prefork pool: its task is lost, the main process and all others go on."""
    together(kill_a_child, HOSTS)


def kill_a_child(host: str) -> None:
    """Kill a child on a host, and look at its worker."""
    worker = service(host, "celery-live-prefork")
    before = set(children(worker))
    (work,) = send_new([worker], count=len(before), seconds=5)
    work.wait("begun", 20)
    on_host(host, "kill", "-KILL", min(before))
    work.wait("done", 20, count=len(before) - 1)
    (more,) = send_new([worker], count=40, seconds=0.1)
    more.wait("done", 30)
    more.assert_each_done_once()
    after = set(children(worker))
    assert (len(after), len(after & before)) == (len(before), len(before) - 1)
    assert again(worker) == worker


def test_a_hang_is_ended_by_the_watchdog_and_leaves_its_traceback(workers: list[Service], beat: Service) -> None:
    """SIGSTOP of the main processes of all pools and of beat, under WatchdogSec=20."""
    together(lambda one: send_signal("STOP", one), [*workers, beat])
    come_back([*workers, beat], 90)
    assert_ticks(beat)
    for hung in [*workers, beat]:
        said = on_host(hung.host, "journalctl", "--quiet", "--unit", hung.unit, f"_PID={hung.pid}", "--lines=200")
        assert "Fatal Python error: Aborted" in said, said
        assert "celery" in said.partition("most recent call first")[2], said


def test_long_tasks_and_a_long_stop_are_no_hang(workers: list[Service]) -> None:
    """Tasks that take longer than the watchdog waits, and a stop that waits for them: none is ended before its time."""
    works = send_new(workers, count=1, seconds=25)
    wait_for_all(works, "begun", 20)
    together(lambda one: on_host(one.host, "systemctl", "restart", one.unit), workers)
    assert_each_done_once(works)
