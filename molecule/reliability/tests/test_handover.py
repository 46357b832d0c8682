# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``systemctl reload`` hands a worker over to a new process, and the old one drains."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import children, reload
from tests.fleet import Service, again, all_again, on_host, service
from tests.inventory import Inventory
from tests.load import load
from tests.runs import converged
from tests.work import Work, assert_each_done_once, eventually, run_tasks, send, send_new, together, wait_for_all

HOSTS = ("app1", "app2")
POOLS = ("prefork", "threads", "gevent", "eventlet", "solo")
CONCURRENCY = 4
LONG = 40.0
LONGEST_WAIT = LONG / 4  # seconds; promised are 2, on a machine that is not busy with other scenarios
PER_SECOND = 30
SOON = 60.0  # ten workers start at once, on two processors
BROKEN = "/run/systemd/system/celery-live-prefork.service.d/broken.conf"


def status(worker: Service) -> str:
    """Return what a worker tells systemd."""
    return on_host(worker.host, "systemctl", "show", "--property=StatusText", worker.unit)


def journal(worker: Service, text: str) -> str:
    """Return the lines of a worker's journal that have a text in them, with the identifiers of its processes."""
    return on_host(worker.host, "sh", "-c", 'journalctl --quiet --unit "$0" --grep "$1" || true', worker.unit, text)


@pytest.fixture
def broken() -> Iterator[Service]:
    """Return a worker whose next process has no application."""
    worker = service("app1", "celery-live-prefork")
    script = 'mkdir -p "${0%/*}"; echo CELERY_APP=nowhere > /run/broken; echo "$1" > "$0"; systemctl daemon-reload'
    on_host(worker.host, "sh", "-c", script, BROKEN, "[Service]\nEnvironmentFile=/run/broken")
    yield worker
    on_host(worker.host, "sh", "-c", 'rm -r "${0%/*}" /run/broken; systemctl daemon-reload', BROKEN)


def test_no_deploy_lets_a_task_wait_loses_one_or_runs_it_twice(workers: list[Service], tmp_path: Path) -> None:
    """One worker has a constant load and a long task at each deploy; long tasks fill all the others.

    They are reloaded, those of a host once more by restart.yml while the old processes drain, and again by site.yml.
    """
    loaded = next(one for one in workers if one.name == "prefork")
    others = [one for one in workers if one != loaded]
    deploys: list[Callable[[], object]] = [
        lambda: reload_all(workers),
        lambda: converged("-l", f"live:&{loaded.host}", playbook="stalk.celery.restart"),
        lambda: change_a_variable(tmp_path, loaded.host),
    ]
    full = send_new([one for one in others if one.name != "solo"], CONCURRENCY, LONG)
    wait_for_all(full, "begun", 20)
    send(full, 2, 0.01)  # reserved by now, or about to be
    full += send_new([one for one in others if one.name == "solo"], 1, LONG)
    wait_for_all(full, "begun", 20, count=1)
    long = Work(loaded)
    with load(loaded, [loaded.host], "/home/live/edc", long.queue, PER_SECOND, 0.01) as steady:
        for number, deploy in enumerate(deploys, 1):
            before = all_again(workers)
            long.worker = again(loaded)
            send([long], 1, LONG)
            long.wait("begun", SOON, number)
            deploy()
            handed_over = [one for one in workers if number == 1 or one.host == loaded.host]
            new = [now for was, now in zip(before, all_again(workers), strict=True) if now.pid != was.pid]
            assert [one.unit for one in new] == [one.unit for one in handed_over]
    steady.assert_each_done_once()
    print(f"{len(steady.sent)} tasks, the longest wait was {steady.longest_wait():.2f} s")
    assert steady.longest_wait() < LONGEST_WAIT
    wait_for_all([*full, long], "done", 2 * LONG)
    assert_each_done_once([*full, long])
    new = all_again(workers)
    eventually("old processes gone", lambda: not any("drains" in status(one) for one in new), 20)
    assert all_again(new) == new


def reload_all(workers: list[Service]) -> None:
    """Reload workers whose pools are full: what waits for its turn there runs in the new processes."""
    assert together(reload, workers) == ["0"] * len(workers)
    works = send_new(workers, 10, 0.01)
    wait_for_all(works, "done", SOON)
    assert_each_done_once(works)
    for old, one in zip(workers, all_again(workers), strict=True):
        assert f"process {old.pid} drains since " in status(one)
        assert re.search(rf" celery-live-{one.name}#\d+\[{one.pid}\]: .* ready", journal(one, "ready"))


def change_a_variable(directory: Path, host: str) -> None:
    """Run site.yml with another variable than before, which is in the environment of all services."""
    inventory = Inventory(directory)
    live = inventory.environment("live")
    inventory.write("live", {**live, "environment": {**live["environment"], "DEPLOYED": str(time.time_ns())}})
    said = converged("-l", f"live:&{host}", inventory=inventory)
    over = ", ".join(f"celery-live-{name}.service" for name in sorted(POOLS))
    assert f"Handed over: {over}" in said
    assert "Restarted: celery-live-beat.service, celery-live-flower.service" in said


def test_code_that_does_not_start_changes_nothing(broken: Service) -> None:
    """The old process goes on, nothing waits, and the journal says why."""
    assert reload(broken) == "1"
    assert again(broken) == broken
    assert "the old process goes on: the new process " in journal(broken, "no hand-over")
    run_tasks([broken])


def test_a_stop_waits_for_all_that_drain(workers: list[Service]) -> None:
    """Three generations have a task each when the unit is stopped; none is lost."""
    chosen = [one for one in workers if one.name in ("prefork", "threads", "gevent")]
    works = send_new(chosen, 1, 25)
    wait_for_all(works, "begun", 20)
    for _generation in range(2):
        assert together(reload, chosen) == ["0"] * len(chosen)
        for work in works:
            work.worker = again(work.worker)
        send(works, 1, 12)
        wait_for_all(works, "begun", 20)
    together(lambda one: on_host(one.host, "systemctl", "restart", one.unit), chosen)
    assert_each_done_once(works)
    run_tasks(all_again(chosen))


def test_the_name_answers_for_the_new_process_alone(workers: list[Service]) -> None:
    """One answer, of the new process, while the old one drains."""
    chosen = [one for one in workers if one.host == "app1"]
    works = send_new(chosen, 1, 30)
    wait_for_all(works, "begun", 20)
    together(reload, chosen)
    for one in (one for one in all_again(chosen) if one.name != "solo"):
        command = ("celery-live", "inspect", "stats", "--destination", f"{one.name}@{one.host}")
        eventually(
            "an answer", lambda command=command, one=one: f'"pid": {one.pid},' in on_host(one.host, *command), 10
        )
    wait_for_all(works, "done", 60)
    assert_each_done_once(works)


def test_what_drains_is_shown_and_is_taken_for_no_other_worker() -> None:
    """Its process does not get on with its task until it has been looked at."""
    worker = service("app1", "celery-live-prefork")
    eventually("nothing that drains since an earlier test", lambda: "drains" not in status(worker), SOON)
    limit = f"live:&{worker.host}"
    works = send_new([worker], 1, SOON / 4)
    wait_for_all(works, "begun", SOON)
    of_the_pool = children(worker)
    on_host(worker.host, "kill", "-STOP", *of_the_pool)
    try:
        assert reload(worker) == "0"
        converged("-l", limit, playbook="stalk.celery.verify")
        table = converged("-l", limit, playbook="stalk.celery.status")
    finally:
        on_host(worker.host, "kill", "-CONT", *of_the_pool)
    assert re.search(r" prefork +running .* 0 of 4 +1 since \d+[sm] ago", table), table
    wait_for_all(works, "done", SOON)
    assert_each_done_once(works)
