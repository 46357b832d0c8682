# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All pools, both schedulers of beat, and Flower work in the sandbox. What it forbids is allowed by name."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.fleet import APP, Service, on_host, python, service, services, ticks
from tests.pages import page
from tests.work import eventually

HOSTS = ("app1", "app2")
CREDENTIALS = "ann:only-for-the-tests-{}-flower"
SAFE = 1.2  # of 10, as systemd-analyze counts
PROBE = (
    APP
    + """
sent = {queue: app.send_task("meta_edc.probe.probe", queue=queue) for queue in sys.argv[1:]}
print(json.dumps({queue: result.get(timeout=60) for queue, result in sent.items()}))
"""
)
POOLS = [f"{pool}-{host}" for host in HOSTS for pool in ("prefork", "threads", "gevent", "eventlet", "solo")]
HOLES = {
    "media": "Read-only file system",
    "exchange": "No such file or directory: '/tmp/for-uat'",
    "memory_of_the_host": "No such file or directory: '/proc/meminfo'",
    "just_in_time": "Permission denied",
}
SCHEDULED = """
import json, sqlite3

print(json.dumps(sqlite3.connect("/var/lib/celery-uat/database").execute(
    "select name from django_celery_beat_periodictask where enabled").fetchall()))
"""


@pytest.fixture(scope="module")
def pools() -> Any:
    """Return what the probe found on the workers of live, by their queues."""
    return python(service("app1", "celery-live-prefork"), PROBE, *POOLS)


@pytest.fixture(scope="module")
def holes() -> Any:
    """Return what the probe found on the workers of uat, by their queues."""
    on_host("app2", "install", "--directory", "--owner=uat", "/srv/media")
    on_host("app2", "tee", "/tmp/for-uat", stdin="text")
    return python(service("app2", "celery-uat-w1"), PROBE, "w1", *HOLES)


def default_units() -> list[Service]:
    """Return the services whose sandbox is the collection's, on all hosts."""
    return [found for host in HOSTS for found in services(host) if found.name not in HOLES]


def test_every_default_unit_is_closed() -> None:
    """systemd itself says so, of workers of all pools, beat and Flower, on both hosts."""
    units = default_units()
    assert {found.name for found in units} >= {"prefork", "threads", "gevent", "eventlet", "solo", "beat", "flower"}
    for found in units:
        said = on_host(found.host, "systemd-analyze", "security", "--no-pager", found.unit)
        level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert level and float(level[1]) <= SAFE, (found, level)


@pytest.mark.parametrize("queue", POOLS)
def test_a_worker_does_all_that_applications_do(pools: Any, queue: str) -> None:
    """Its files, programs, names, certificates, callbacks, semaphores, memory, databases and logs all work."""
    failed = {action: error for action, error in pools[queue].items() if error and action not in HOLES}
    assert failed == {}
    assert len(pools[queue]) == 10 + len(HOLES)


@pytest.mark.parametrize("action", HOLES)
def test_a_hole_is_made_by_its_name(holes: Any, action: str) -> None:
    """What the sandbox forbids works where it is allowed, and nowhere else."""
    found = {queue: results[action] for queue, results in holes.items()}
    assert found.pop(action) == ""
    assert all(HOLES[action] in error for error in found.values()), found
    assert len(found) == len(HOLES)


def test_beat_ticks_from_its_file() -> None:
    """The scheduler that is Celery's own writes its schedule into the state directory."""
    worker = service("app1", "celery-live-prefork")
    before = ticks(worker)
    eventually("ticks of live", lambda: ticks(worker) >= before + 2, 20)
    assert "schedule" in on_host("app1", "ls", "/var/lib/celery-live")


def test_beat_ticks_from_its_database() -> None:
    """The scheduler of django-celery-beat has its entries in the database, and no file."""
    worker = service("app2", "celery-uat-w1")
    before = ticks(worker)
    eventually("ticks of uat", lambda: ticks(worker) >= before + 2, 20)
    assert ["tick"] in json.loads(on_host("app2", "python3", "-", stdin=SCHEDULED))
    assert "schedule" not in on_host("app2", "ls", "/var/lib/celery-uat")


@pytest.mark.parametrize(
    ("host", "where", "credentials", "nodes"),
    [
        ("app1", "5555/", CREDENTIALS.format("live"), {queue.replace("-", "@") for queue in POOLS}),
        ("app2", "5556/flower/", CREDENTIALS.format("uat"), {f"{name}@app2" for name in ("w1", *HOLES)}),
    ],
)
def test_flower_shows_the_workers(host: str, where: str, credentials: str, nodes: set[str]) -> None:
    """Those of its own environment, on all hosts."""

    def shown() -> set[str]:
        status, text = page(host, f"http://127.0.0.1:{where}", credentials)
        assert status == 200
        return set(re.findall(r"<td>(\w+@\w+)</td>", text))

    eventually(f"{nodes} on the page", lambda: shown() == nodes, 30)
