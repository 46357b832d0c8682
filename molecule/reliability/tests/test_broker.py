# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker that is away."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.fleet import Service, all_again, on_host, service, services, ticks
from tests.pages import page
from tests.work import assert_each_done_once, eventually, run_tasks, send_new, wait_for_all

HOSTS = ("app1", "app2")
OUTAGE = 60
BROKER = "redis-server.service"
STATE = "systemctl is-system-running || true"
FLOWER = "http://127.0.0.1:5555"
PASSWORD = "ann:only-for-the-tests-live-flower"
OTHER_FLOWER = "http://127.0.0.1:5556/flower"
OTHER_PASSWORD = "ann:only-for-the-tests-uat-flower"
TASKS = "draw=1&start=0&length=10000&search[value]=&order[0][column]=0&columns[0][data]=name"


# Stands for a database of the host, which takes some seconds to start.
DATABASE = """
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/sleep 4
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def broker() -> Iterator[None]:
    """Start the broker at the end, whatever happened."""
    yield
    on_host("broker1", "systemctl", "start", BROKER)


def states(host: str) -> set[str]:
    """Return the states of the services of a host."""
    return {found.state for found in services(host)}


def shown(host: str, name: str, *units: str) -> list[str]:
    """Return a property of units of a host."""
    return on_host(host, "systemctl", "show", f"--property={name}", "--value", *units).split("\n")[: 2 * len(units) : 2]


def wait_until_told(found: Sequence[Service], beginning: str, seconds: float) -> None:
    """Wait until each of the services tells systemd a text of which a part has this beginning."""
    until = time.monotonic() + seconds
    while True:
        told = {(one.host, one.unit): shown(one.host, "StatusText", one.unit)[0] for one in found}
        left = {one: text for one, text in told.items() if f"; {beginning}" not in f"; {text}"}
        if not left:
            return
        assert time.monotonic() < until, f"not within {seconds} s {beginning}: {left}"
        time.sleep(0.5)


def seen() -> set[str]:
    """Return the tasks that Flower of uat shows."""
    text = page("app2", f"{OTHER_FLOWER}/tasks/datatable?{TASKS}", OTHER_PASSWORD)[1]
    return {task["uuid"] for task in json.loads(text)["data"]}


@pytest.mark.usefixtures("broker")
def test_an_outage_is_no_hang_and_no_end(workers: list[Service]) -> None:
    """The broker is away for 60 s under WatchdogSec=20: tasks finish, no process ends, and all consume again.

    Flower of uat is stopped meanwhile: none of its threads that wait for the broker keeps it from saving and ending,
    and it knows afterwards what it knew.
    """
    beat, flower, other = (
        service("app1", "celery-live-beat"),
        service("app1", "celery-live-flower"),
        service("app2", "celery-uat-flower"),
    )
    works = send_new(workers, count=1, seconds=OUTAGE / 2)
    wait_for_all(works, "begun", 20)
    eventually("Flower has seen tasks", lambda: bool(seen()), 20)
    knew = seen()
    on_host("broker1", "systemctl", "stop", BROKER)
    end = time.monotonic() + OUTAGE
    wait_for_all(works, "done", OUTAGE)
    # A solo worker tries for some 20 seconds to store the result of its task, and is busy with it so long.
    wait_until_told([*workers, flower, other], "broker unreachable since ", 2 * OUTAGE)
    assert page("app1", FLOWER, PASSWORD)[0] == 200
    assert_each_done_once(works)
    began = time.monotonic()
    on_host("app2", "systemctl", "stop", other.unit)
    assert time.monotonic() - began < 20
    assert shown("app2", "Result", other.unit) == ["success"]
    time.sleep(max(0, end - time.monotonic()))
    on_host("broker1", "systemctl", "start", BROKER)
    run_tasks(workers, 90)
    assert all_again([*workers, beat, flower]) == [*workers, beat, flower]
    wait_until_told([*workers, flower], "connected to redis://", 20)
    on_host("app2", "systemctl", "start", other.unit)
    assert knew <= seen()


@pytest.mark.usefixtures("broker")
def test_a_boot_without_a_broker_ends_in_workers_that_consume_when_it_comes(workers: list[Service]) -> None:
    """Nothing gives up, no service is called running before it consumes, nor starts before what it is said to need."""
    for host in HOSTS:
        on_host(host, "tee", "/etc/systemd/system/database.service", stdin=DATABASE)
        on_host(host, "systemctl", "enable", "database.service")
    subprocess.run(["podman", "stop", "--time", "60", *HOSTS], check=True, capture_output=True)
    on_host("broker1", "systemctl", "stop", BROKER)
    subprocess.run(["podman", "start", *HOSTS], check=True, capture_output=True)
    for host in HOSTS:
        eventually(f"{host} boots", lambda one=host: on_host(one, "sh", "-c", STATE).strip() == "starting", 30)
    wait_until_told(workers, "connecting to redis://live:**@", 60)
    for worker in all_again(workers):
        assert worker.state == "activating (start)"
        assert 0 < int(shown(worker.host, "ActiveEnterTimestampMonotonic", "database.service")[0]) < worker.started
    on_host("broker1", "systemctl", "start", BROKER)
    for host in HOSTS:
        eventually(f"all services of {host} run", lambda one=host: states(one) == {"active (running)"}, 90)
    run_tasks(all_again(workers))
    worker = service("app1", "celery-live-threads")
    before = ticks(worker)
    eventually("ticks", lambda: ticks(worker) > before, 20)
