# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three ways to deploy, all pools, two brokers and two versions of systemd: no task waits long, each is done once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults import reload
from tests.fleet import Service, again, service
from tests.load import load
from tests.runs import converged
from tests.work import Work, send

LONGEST_WAIT = 2.0  # seconds
PER_SECOND = 30
SECONDS = 0.01  # that a task takes
LONG = 40.0  # seconds of the task in the worker
SOON = 20.0


def by_reload(worker: Service) -> None:
    """As whom has no control node at hand."""
    assert reload(worker) == "0"


def by_restart(worker: Service) -> None:
    """Hand over all workers of the host, as after new code."""
    converged("-l", f"{worker.environment}:&{worker.host}", playbook="stalk.celery.restart")


def by_site(worker: Service) -> None:
    """Change a variable of all workers of the host."""
    variables = {"deployed": str(time.time_ns())}
    said = converged("-l", f"{worker.environment}:&{worker.host}", variables=variables)
    assert "Handed over: " in said


DEPLOYS: tuple[Callable[[Service], None], ...] = (by_reload, by_restart, by_site)


@pytest.mark.parametrize("host", ["app1", "app2"])
@pytest.mark.parametrize("environment", ["live", "uat"])
@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent", "eventlet", "solo"])
def test_no_task_waits_long_in_a_deploy(environment: str, pool: str, host: str) -> None:
    """The worker has a constant load and a long task at each deploy, which the process before it goes on with.

    One with room for a single task has no long one, which all others would wait for.
    """
    worker = service(host, f"celery-{environment}-{pool}")
    long = Work(worker)
    waits = []
    for number, deploy in enumerate(DEPLOYS, 1):
        long.worker = worker = again(worker)
        send([long], 1, LONG if pool != "solo" else SECONDS)
        long.wait("begun", SOON, number)
        with load(worker, [host], f"/home/{environment}/edc", long.queue, PER_SECOND, SECONDS) as steady:
            deploy(worker)
            assert again(worker).pid != worker.pid
        steady.assert_each_done_once()
        waits.append(steady.longest_wait())
    long.wait("done", len(DEPLOYS) * LONG)
    long.assert_each_done_once()
    print(f"waited: {environment} {pool} {host}: {', '.join(f'{wait:.2f}' for wait in waits)} s")
    assert max(waits) < LONGEST_WAIT
