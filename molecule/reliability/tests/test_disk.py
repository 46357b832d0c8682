# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import empty_run, fill, full_run
from tests.fleet import Service, again, on_host, service
from tests.inventory import Inventory
from tests.runs import changes, converged, refused
from tests.work import run_tasks

HOST = "app1"
LOGS = "/var/log/celery-debug"


@pytest.fixture
def logged() -> Iterator[Service]:
    """Return the worker that logs to files, on a file system of their own, which is full."""
    worker = service(HOST, "celery-debug-logged")
    on_host(HOST, "systemctl", "stop", worker.unit)
    on_host(HOST, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", LOGS)
    on_host(HOST, "systemctl", "start", worker.unit)
    fill(HOST, LOGS)
    yield again(worker)
    on_host(HOST, "systemctl", "stop", worker.unit)
    on_host(HOST, "umount", LOGS)
    on_host(HOST, "systemctl", "start", worker.unit)


@pytest.fixture
def full() -> Iterator[None]:
    """Fill /run."""
    with full_run(HOST):
        yield


def test_a_worker_that_cannot_log_works(logged: Service) -> None:
    """Its tasks run, and it comes through a restart."""
    run_tasks([logged])
    assert again(logged) == logged
    on_host(HOST, "systemctl", "restart", logged.unit)
    run_tasks([again(logged)])


@pytest.mark.usefixtures("full")
def test_a_full_run_directory_harms_no_worker_and_heals(tmp_path: Path) -> None:
    """Workers go on and come through a restart; a run that cannot do its work says why, and the next one does it."""
    on_host(HOST, "systemctl", "restart", "celery-debug-exec")
    worker = service(HOST, "celery-debug-exec")
    run_tasks([worker])
    inventory = Inventory(tmp_path)
    content = inventory.environment("debug")
    content["workers"][0]["log_level"] = "DEBUG"
    inventory.write("debug", content)
    said = refused("-l", f"debug:&{HOST}", inventory=inventory)
    assert "not enough space available on /run" in said
    run_tasks([worker])
    empty_run(HOST)
    converged("-l", f"debug:&{HOST}", inventory=inventory)
    assert again(worker).pid != worker.pid
    assert set(changes(converged("-l", f"debug:&{HOST}", inventory=inventory)).values()) == {0}
