# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker that is away."""
from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.fleet import Service, again, on_host, service, services, ticks
from tests.pages import page
from tests.work import eventually, run_tasks, send_new

HOSTS = ("app1", "app2")
OUTAGE = 90
BROKER = "redis-server.service"
STATE = "systemctl is-system-running || true"
FLOWER = "http://127.0.0.1:5555"
PASSWORD = "ann:only-for-the-tests-live-flower"
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


def status(found: Service) -> str:
    """Return what a service tells systemd of itself."""
    return on_host(found.host, "systemctl", "show", "--property=StatusText", "--value", found.unit).strip()


def moment(host: str, unit: str) -> int:
    """Return when a unit became active, in microseconds since the boot of the machine; 0 if it did not."""
    return int(on_host(host, "systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit))


@pytest.mark.usefixtures("broker")
def test_an_outage_is_no_hang_and_no_end(workers: list[Service]) -> None:
    """The broker is away for 90 s under WatchdogSec=30: tasks finish, no process ends, and all consume again."""
    others = [service("app1", "celery-live-beat"), service("app1", "celery-live-flower")]
    works = send_new(workers, count=1, seconds=OUTAGE / 2)
    for work in works:
        work.wait("begun", 20)
    on_host("broker1", "systemctl", "stop", BROKER)
    time.sleep(OUTAGE)
    for worker in workers:
        assert status(worker).startswith("broker unreachable since ")
    assert "; broker unreachable since " in status(others[1])
    assert page("app1", FLOWER, PASSWORD)[0] == 200
    for work in works:
        work.assert_each_done_once()
    on_host("broker1", "systemctl", "start", BROKER)
    run_tasks(workers, 90)
    assert [again(one) for one in [*workers, *others]] == [*workers, *others]
    eventually("Flower observes", lambda: "; connected to redis://" in status(others[1]), 20)
    for worker in workers:
        assert status(worker).startswith("connected to redis://")


@pytest.mark.usefixtures("broker")
def test_flower_stops_without_a_broker_and_knows_afterwards_what_it_knew(workers: list[Service]) -> None:
    """None of its threads that wait for the broker keeps it from saving and ending."""
    flower = service("app1", "celery-live-flower")
    tasks = f"{FLOWER}/tasks/datatable?{TASKS}"
    eventually("Flower has seen tasks", lambda: "meta_edc.tasks.work" in page("app1", tasks, PASSWORD)[1], 20)
    on_host("broker1", "systemctl", "stop", BROKER)
    eventually("Flower is told", lambda: "; broker unreachable since " in status(flower), 20)
    time.sleep(10)
    began = time.monotonic()
    on_host("app1", "systemctl", "stop", flower.unit)
    assert time.monotonic() - began < 20
    assert on_host("app1", "systemctl", "show", "--property=Result", "--value", flower.unit).strip() == "success"
    on_host("broker1", "systemctl", "start", BROKER)
    run_tasks(workers, 90)
    on_host("app1", "systemctl", "start", flower.unit)
    assert "meta_edc.tasks.work" in page("app1", tasks, PASSWORD)[1]


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
    for worker in workers:
        eventually(worker.unit, lambda one=worker: status(one).startswith("connecting to redis://live:**@"), 60)
        assert again(worker).state == "activating (start)"
        assert 0 < moment(worker.host, "database.service") < again(worker).started
    on_host("broker1", "systemctl", "start", BROKER)
    for host in HOSTS:
        eventually(f"all services of {host} run", lambda one=host: states(one) == {"active (running)"}, 90)
    run_tasks([again(worker) for worker in workers])
    worker = service("app1", "celery-live-threads")
    before = ticks(worker)
    eventually("ticks", lambda: ticks(worker) > before, 20)
