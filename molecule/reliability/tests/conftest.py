# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario begin with."""

from __future__ import annotations

import pytest

from tests.fleet import Service, services
from tests.work import run_tasks

HOSTS = ("app1", "app2")
POOLS = ("prefork", "threads", "gevent", "eventlet", "solo")


@pytest.fixture
def workers() -> list[Service]:
    """Return the workers of all pools on both hosts; each has just run a task, lest a test is blamed for another."""
    found = [one for host in HOSTS for one in services(host) if one.environment == "live" and one.name in POOLS]
    assert len(found) == len(HOSTS) * len(POOLS)
    run_tasks(found)
    return found
