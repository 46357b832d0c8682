# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that jumps: that of the machine belongs to all hosts, so the processes get one of their own (libfaketime)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults import turn_clock
from tests.fleet import Service, all_again, on_host, service, ticks
from tests.work import eventually, run_tasks

HOST = "app2"
WATCHDOG = 15
DAY = 86400
ZONE = "America/Chicago"  # of Django, where the settings name none


@pytest.fixture
def services() -> Iterator[list[Service]]:
    """Return a worker of each loop (hub, thread, green) and beat, whose clock is right before and after the test."""
    turn_clock(HOST, 0)
    beat = service(HOST, "celery-debug-beat")
    yield [*(service(HOST, f"celery-debug-clock{number}") for number in (1, 2, 3)), beat]
    turn_clock(HOST, 0)
    on_host(HOST, "systemctl", "stop", beat.unit)
    on_host(HOST, "sh", "-c", "rm /var/lib/celery-debug/schedule*")
    on_host(HOST, "systemctl", "start", beat.unit)


@pytest.mark.parametrize("seconds", [-DAY, DAY])
def test_a_jump_of_the_clock_is_no_hang(services: list[Service], seconds: int) -> None:
    """The watchdog counts seconds that passed, not what the clock shows: all go on, and consume and send as before.

    Beat is due when its last time plus the interval is past: set back, it waits until the clock is right again.
    """
    turn_clock(HOST, seconds)
    until = time.monotonic() + 1.5 * WATCHDOG
    run_tasks(services[:-1])
    day = on_host(HOST, "env", f"TZ={ZONE}", "date", "--date", f"{seconds} seconds", "+%F").strip()
    eventually("the new date in the log", lambda: f"[{day} " in said(services[0]), 20)
    time.sleep(max(until - time.monotonic(), 0))
    assert all_again(services) == services
    turn_clock(HOST, max(seconds, 0))
    worker = service(HOST, "celery-debug-limited")
    before = ticks(worker)
    eventually("ticks", lambda: ticks(worker) > before, 20)


def said(worker: Service) -> str:
    """Return the last lines of a worker in the journal."""
    return on_host(HOST, "journalctl", "--quiet", "--unit", worker.unit, "--lines=20", "--output=cat")
