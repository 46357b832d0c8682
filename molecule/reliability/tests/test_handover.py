# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``systemctl reload`` hands a worker over to a new process, and the old one drains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet import Service, again, all_again, on_host, service
from tests.work import assert_each_done_once, eventually, recorded, run_tasks, send, send_new, together, wait_for_all

HOSTS = ("app1", "app2")
CONCURRENCY = 4
LONG = 60.0
SOON = 15.0  # ten workers start at once, on two processors
BROKEN = "/run/systemd/system/celery-live-prefork.service.d/broken.conf"


def reload(worker: Service) -> str:
    """Reload a worker; return the exit status."""
    return on_host(worker.host, "sh", "-c", 'systemctl reload "$0"; echo $?', worker.unit).strip()


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


def test_nothing_waits_for_the_old_process_is_lost_or_runs_twice(workers: list[Service]) -> None:
    """Long tasks fill each pool: what waits for its turn is given back, and runs in the new process like the rest."""
    full = send_new([one for one in workers if one.name != "solo"], CONCURRENCY, LONG)
    wait_for_all(full, "begun", 20)
    send(full, 2, 0.01)  # reserved by now, or about to be
    full += send_new([one for one in workers if one.name == "solo"], 1, LONG)
    wait_for_all(full, "begun", 20, count=1)
    assert together(reload, workers) == ["0"] * len(workers)
    wait_for_all([work for work in full if work.worker.name != "solo"], "begun", SOON)
    works = send_new(workers, 10, 0.01)
    wait_for_all(works, "done", SOON)
    assert [len(done) for done in recorded(full, "done")] == [0 if work.worker.name == "solo" else 2 for work in full]
    new = all_again(workers)
    assert not {one.pid for one in new} & {one.pid for one in workers}
    for old, one in zip(workers, new, strict=True):
        assert f"process {old.pid} drains since " in status(one)
        assert f"celery-live-{one.name}#2[{one.pid}]" in journal(one, "ready")
    wait_for_all(full, "done", LONG)
    assert_each_done_once([*full, *works])
    eventually("old processes gone", lambda: not any("drains" in status(one) for one in new), 20)
    assert all_again(new) == new


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
