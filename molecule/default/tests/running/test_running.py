# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true after every converge and after every reboot."""

from __future__ import annotations

import functools

import pytest

from tests.fleet import Service, denied, on_host, owners, queues, services, tick_senders, ticks, whoami_of
from tests.work import eventually

EXPECTED = {
    "app1": {
        "celery-live-w1",
        "celery-live-w2",
        "celery-live-beat",
        "celery-live-flower",
        "celery-uat-w1",
        "celery-uat-beat",
        "celery-debug-w1",
    },
    "app2": {"celery-live-w1", "celery-live-reports", "celery-live-mails"},
    "broker1": set(),
}
QUEUES = {
    "live": {
        "w1@app1": ["celery"],
        "w2@app1": ["bulk", "imports"],
        "w1@app2": ["celery"],
        "reports@app2": ["reports"],
        "mails@app2": ["mails"],
    },
    "uat": {"w1@app1": ["celery"]},
    "debug": {"w1@app1": ["celery"]},
}
ALL = [(host, unit) for host, units in EXPECTED.items() for unit in sorted(units)]
ENVIRONMENTS = sorted(QUEUES)


@functools.cache
def services_of(host: str) -> list[Service]:
    """Return the services of a host, on which nothing changes while these tests run."""
    return services(host)


def service(host: str, unit: str) -> Service:
    """Return one service, which must exist."""
    return next(found for found in services_of(host) if found.unit == f"{unit}.service")


@pytest.mark.parametrize("host", EXPECTED)
def test_a_host_runs_its_services_and_no_others(host: str) -> None:
    """The inventory is the complete list."""
    assert {found.unit.removesuffix(".service") for found in services_of(host)} == EXPECTED[host]


@pytest.mark.parametrize(("host", "unit"), ALL)
def test_a_service_is_active_and_enabled(host: str, unit: str) -> None:
    """It runs now, and will after the next boot."""
    found = service(host, unit)
    assert (found.state, found.enabled) == ("active (running)", True)


@pytest.mark.parametrize(("host", "unit"), ALL)
def test_all_processes_belong_to_the_environments_user(host: str, unit: str) -> None:
    """No process of a service runs as root or as another environment's user."""
    found = service(host, unit)
    assert owners(found) == {found.environment}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_node_consumes_its_queues(environment: str) -> None:
    """Nodes see those of their own environment only, on all hosts."""
    found = queues(service("app1", f"celery-{environment}-w1"), QUEUES[environment])
    assert {node: sorted(names) for node, names in found.items()} == QUEUES[environment]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_worker_runs_real_tasks(environment: str) -> None:
    """A task of every queue is run by each node that consumes it, as the right user, in the right directory."""
    sender = service("app1", f"celery-{environment}-w1")
    for queue in sorted({queue for names in QUEUES[environment].values() for queue in names}):
        nodes = [node for node, names in QUEUES[environment].items() if queue in names]
        for node, report in whoami_of(sender, queue, nodes).items():
            assert (node in nodes, report["queue"]) == (True, queue)
            assert (report["environment"], report["user"], report["group"]) == (environment,) * 3
            assert report["directory"] == f"/home/{environment}/edc"


@pytest.mark.parametrize("environment", ["live", "uat"])
def test_beat_ticks(environment: str) -> None:
    """The task that is scheduled for every second is sent, and always by the same process: there is one beat."""
    worker = service("app1", f"celery-{environment}-w1")
    before = ticks(worker)
    eventually("three ticks", lambda: ticks(worker) > before + 2, 20)
    assert len(set(tick_senders(worker)[before:])) == 1


@pytest.mark.parametrize(("host", "unit"), ALL)
def test_secrets_are_read_by_nobody_else(host: str, unit: str) -> None:
    """The file with the broker's password is closed to other environments, and neither unit nor command line has it."""
    found = service(host, unit)
    secret = f"only-for-the-tests-{found.environment}"
    path = f"/etc/conf.d/{unit}.conf"
    assert secret in on_host(host, "cat", path, user=found.environment)
    assert denied(host, "cat", path, user="nobody")
    for other in {name for name in ENVIRONMENTS if host == "app1"} - {found.environment}:
        assert denied(host, "cat", path, user=other)
    assert secret not in on_host(host, "systemctl", "show", found.unit)
    assert secret not in on_host(host, "cat", f"/proc/{found.pid}/cmdline")


@pytest.mark.parametrize("host", ["app1", "app2"])
def test_no_unit_of_the_host_has_failed(host: str) -> None:
    """Nothing that the collection did broke the host."""
    assert on_host(host, "systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""
