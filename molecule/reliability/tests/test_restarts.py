# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts under load."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.faults import children
from tests.fleet import Service, all_again, on_host, service
from tests.hosts.enter import command_on
from tests.work import Work, assert_each_done_once, eventually, run_tasks, send, send_new, together, wait_for_all

HOSTS = ("app1", "app2")
RESTARTS = 5
# How many tasks for each restart, of how many seconds. A green pool finishes at each stop the 16 tasks that it has
# prefetched; solo runs one at a time.
TASKS = {"gevent": (32, 0.7), "eventlet": (32, 0.7), "prefork": (20, 0.7), "threads": (20, 0.7), "solo": (20, 0.3)}
RESTART = """
import subprocess, sys, time
from pathlib import Path

unit, record, before, after = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
print("looks", flush=True)
begun = done = 0
while done < after and (begun <= before or begun == done):
    time.sleep(0.1)
    text = record.read_text() if record.exists() else ""
    begun, done = text.count("begun"), text.count("done")
subprocess.run(["systemctl", "restart", unit], check=True)
print(begun - done)
"""


def restart(work: Work, are_all_looking: Barrier) -> int:
    """Restart a worker when it runs one of the tasks that are sent when all look; return how many it runs."""
    numbers = (str(work.sent), str(work.sent + TASKS[work.worker.name][0]))
    command = ["timeout", "300", "python3", "-c", RESTART, work.worker.unit, work.path, *numbers]
    with subprocess.Popen(command_on(work.worker.host, command), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        are_all_looking.wait(60)
        return int(process.stdout.read())


def test_no_restart_loses_a_task_or_runs_one_twice(workers: list[Service]) -> None:
    """Each worker of every pool runs 100 tasks or more across 5 restarts, which find tasks running."""
    works = [Work(worker) for worker in workers]
    for _time in range(RESTARTS):
        for work, worker in zip(works, all_again(workers), strict=True):
            work.worker = worker
        are_all_looking = Barrier(len(works) + 1)
        with ThreadPoolExecutor(len(works)) as pool:
            restarts = [pool.submit(restart, work, are_all_looking) for work in works]
            are_all_looking.wait(60)
            for name, (count, seconds) in TASKS.items():
                send([work for work in works if work.worker.name == name], count, seconds)
            assert min(found.result() for found in restarts) > 0
    wait_for_all(works, "done", 120)
    assert_each_done_once(works)


def test_a_task_that_is_handed_over_when_the_stop_comes_runs_once() -> None:
    """The processes of the pool have been given tasks, and say so only when the worker is about to stop."""
    together(stop_at_the_handover, HOSTS)


def stop_at_the_handover(host: str) -> None:
    """Stop a worker of a host whose processes do not answer for a while."""
    worker = service(host, "celery-live-prefork")
    pool = children(worker)
    since = on_host(host, "date", "+%s.%N").strip()
    on_host(host, "kill", "-STOP", *pool)
    (work,) = send_new([worker], count=len(pool), seconds=0)
    eventually("tasks received", lambda: said(worker, since).count(" received") == len(pool), 20)
    on_host(host, "systemctl", "stop", "--no-block", worker.unit)
    eventually("stopping", lambda: "Warm shutdown" in said(worker, since), 20)
    on_host(host, "kill", "-CONT", *pool)
    on_host(host, "systemctl", "restart", worker.unit)
    run_tasks([service(host, "celery-live-prefork")])
    work.assert_each_done_once()


def said(worker: Service, since: str) -> str:
    """Return what a worker has written into the journal since a time."""
    return on_host(worker.host, "journalctl", "--quiet", "--unit", worker.unit, "--since", f"@{since}")
