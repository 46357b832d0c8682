# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Service, again, on_host, service
from tests.inventory import Inventory
from tests.runs import changes, converged, refused
from tests.work import run_tasks

HOST = "app1"
LOGS = "/var/log/celery-debug"


def fill(directory: str) -> None:
    """Write a file that leaves nothing of a file system."""
    write = f"cat /dev/zero > {directory}/filler; df --output=avail {directory}"
    assert on_host(HOST, "sh", "-c", write).split()[-1] == "0"


@pytest.fixture
def logged() -> Iterator[Service]:
    """Return the worker that logs to files, on a file system of their own, which is full."""
    worker = service(HOST, "celery-debug-logged")
    on_host(HOST, "systemctl", "stop", worker.unit)
    on_host(HOST, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", LOGS)
    on_host(HOST, "systemctl", "start", worker.unit)
    fill(LOGS)
    yield again(worker)
    on_host(HOST, "systemctl", "stop", worker.unit)
    on_host(HOST, "umount", LOGS)
    on_host(HOST, "systemctl", "start", worker.unit)


@pytest.fixture
def full_run() -> Iterator[None]:
    """Fill /run, where systemd makes the runtime directories and the collection notes what it started."""
    used = int(on_host(HOST, "df", "--output=used", "-k", "/run").split()[-1])
    on_host(HOST, "mount", "-o", f"remount,size={used + 16}k", "/run")
    fill("/run")
    yield
    empty_run()


def empty_run() -> None:
    """Make room in /run."""
    on_host(HOST, "rm", "--force", "/run/filler")
    on_host(HOST, "mount", "-o", "remount,size=1g", "/run")


def test_a_worker_that_cannot_log_works(logged: Service) -> None:
    """Its tasks run, and it comes through a restart."""
    run_tasks([logged])
    assert again(logged) == logged
    on_host(HOST, "systemctl", "restart", logged.unit)
    run_tasks([again(logged)])


@pytest.mark.usefixtures("full_run")
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
    empty_run()
    converged("-l", f"debug:&{HOST}", inventory=inventory)
    assert again(worker).pid != worker.pid
    assert set(changes(converged("-l", f"debug:&{HOST}", inventory=inventory)).values()) == {0}
