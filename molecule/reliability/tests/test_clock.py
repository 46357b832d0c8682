# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that jumps: that of the machine belongs to all hosts, so the processes get one of their own (libfaketime)."""
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Service, again, on_host, service, ticks
from tests.inventory import Inventory
from tests.runs import converged
from tests.work import eventually, run_tasks

HOST = "app2"
CLOCK = "/var/lib/clock"
WATCHDOG = 20
DAY = 86400


def turn(seconds: int) -> None:
    """Turn the clock so many seconds away from the machine's."""
    on_host(HOST, "sh", "-c", f"echo {seconds:+d} > {CLOCK}.new && mv {CLOCK}.new {CLOCK}")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[Service]]:
    """Return a worker of each loop (hub, thread, green) and beat, with a clock of their own and a short watchdog."""
    turn(0)
    library = on_host(HOST, "sh", "-c", "echo /usr/lib/*/faketime/libfaketime.so.1").strip()
    variables = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": CLOCK,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    inventory = Inventory(tmp_path)
    live, debug = inventory.environment("live"), inventory.environment("debug")
    for own in [*live["workers"][:3], debug["beat"]]:
        own.update(environment=variables, watchdog=WATCHDOG)
    debug["beat"]["max_interval"] = 5
    inventory.write("live", live)
    inventory.write("debug", debug)
    converged("-l", HOST, inventory=inventory)
    yield [service(HOST, f"celery-{name}") for name in ("live-prefork", "live-threads", "live-gevent", "debug-beat")]
    turn(0)
    on_host(HOST, "sh", "-c", "systemctl stop celery-debug-beat && rm /var/lib/celery-debug/schedule*")
    converged("-l", HOST)


@pytest.mark.parametrize("seconds", [-DAY, DAY])
def test_a_jump_of_the_clock_is_no_hang(services: list[Service], seconds: int) -> None:
    """The watchdog counts seconds that passed, not what the clock shows: all go on, and consume and send as before.

    Beat is due when its last time plus the interval is past: set back, it waits until the clock is right again.
    """
    turn(seconds)
    until = time.monotonic() + 1.5 * WATCHDOG
    run_tasks(services[:-1])
    day = on_host(HOST, "date", "--date", f"{seconds} seconds", "+%F").strip()
    eventually("the new date in the log", lambda: f"[{day} " in said(services[0]), 20)
    time.sleep(max(until - time.monotonic(), 0))
    assert [again(one) for one in services] == services
    turn(max(seconds, 0))
    worker = service(HOST, "celery-debug-limited")
    before = ticks(worker)
    eventually("ticks", lambda: ticks(worker) > before, 20)


def said(worker: Service) -> str:
    """Return the last lines of a worker in the journal."""
    return on_host(HOST, "journalctl", "--quiet", "--unit", worker.unit, "--lines=20", "--output=cat")
