# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker of the document: its names, its queues, its user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import defects
from tests.fleet import Service, all_again, environ, on_host, owners, queues, service, whoami
from tests.inventory import Inventory
from tests.runs import refused
from tests.work import eventually

HOST = "my-host"
NODE = "my-worker@my-host"
QUEUES = ["my-queue", "my-queue-2"]
SLOW = "import time\ntime.sleep(5)\nraise RuntimeError('the model is broken')\n"


def worker() -> Service:
    """Return the worker."""
    return service(HOST, "celery")


def test_the_unit_and_its_environment_file_have_the_names_of_the_document() -> None:
    """celery.service, enabled, with /etc/conf.d/celery; it says what it does."""
    found = worker()
    assert (found.state, found.enabled, owners(found)) == ("active (running)", True, {"celery"})
    assert defects.environment_file(found) == "/etc/conf.d/celery"
    said = on_host(HOST, "systemctl", "status", "celery.service")
    assert 'Status: "connected to redis://' in said
    variables = environ(found)
    assert variables["CELERYD_OPTS"] == "--queues=my-queue,my-queue-2"
    assert variables["CELERYD_LOG_FILE"] == "/var/log/celery/%n%I.log"
    assert f"{NODE} ready." in on_host(HOST, "cat", "/var/log/celery/my-worker.log")


@pytest.mark.parametrize("queue", QUEUES)
def test_tasks_of_both_queues_run_on_that_node(queue: str) -> None:
    """As the user celery, in /opt/celery."""
    assert queues(worker(), [NODE]) == {NODE: QUEUES}
    (report,) = whoami(worker(), queue)
    assert (report["node"], report["queue"]) == (NODE, queue)
    assert (report["user"], report["group"], report["directory"]) == ("celery", "celery", "/opt/celery")


def test_a_process_that_dies_comes_back_once() -> None:
    """With a process that systemd has not guessed, but started."""
    new = defects.assert_returns(worker(), NODE, QUEUES[0])
    assert on_host(HOST, "systemctl", "show", "--property=NRestarts", "--value", "celery.service").strip() == "1"
    assert all_again([new]) == [new]


def test_directories_and_files_are_closed() -> None:
    """And there is none in /run that somebody would have to make."""
    defects.assert_nothing_needed_in_run([worker()])
    defects.assert_closed(HOST, "/var/log/celery", owner="celery", other="nobody")
    assert on_host(HOST, "stat", "--format=%U:%G %a", "/etc/conf.d/celery").strip() == "root:celery 640"


def test_an_application_that_takes_long_to_import_is_tried_for_as_long_as_it_may_take_to_start(tmp_path: Path) -> None:
    """As one that loads a model. This one fails in the end, so that nothing is changed."""
    before = worker()
    inventory = Inventory(tmp_path / "inventory")
    inventory.write("main", {**inventory.environment("main"), "app": "slow:app", "start_timeout": 600})
    on_host(HOST, "tee", "/opt/celery/slow.py", stdin=SLOW)
    show = ("systemctl", "show", "--property=TimeoutStartUSec", "--value", "stalk-try-celery.service")
    with ThreadPoolExecutor() as pool:
        run = pool.submit(refused, inventory=inventory)
        eventually("a trial of ten minutes", lambda: on_host(HOST, *show).strip() == "10min", 60)
        assert "the model is broken" in run.result()
    on_host(HOST, "rm", "/opt/celery/slow.py")
    assert worker() == before
