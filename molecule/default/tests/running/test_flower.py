# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flower shows an environment to those who may see it."""

from __future__ import annotations

import json
import time

import pytest

from tests.fleet import on_host, services, whoami
from tests.pages import assert_flower_shows, page

URL = "http://127.0.0.1:5555"
CREDENTIALS = "ann:only-for-the-tests-live-flower"
NODES = {"w1@app1", "w2@app1", "w1@app2", "reports@app2", "mails@app2"}


def succeeded() -> set[str]:
    """Return the tasks of which Flower knows that they succeeded."""
    status, text = page("app1", f"{URL}/api/tasks?state=SUCCESS&taskname=meta_edc.tasks.whoami", CREDENTIALS)
    assert status == 200
    return set(json.loads(text))


def wait_for_new(known: set[str], seconds: float = 20) -> set[str]:
    """Return the tasks that Flower knows when there are others than the known ones."""
    until = time.monotonic() + seconds
    while not (found := succeeded()) - known and time.monotonic() < until:
        time.sleep(0.2)
    return found


def test_it_shows_the_workers_of_its_environment_and_no_others() -> None:
    """It finds them on all hosts."""
    assert_flower_shows(NODES, "app1", URL, CREDENTIALS)


@pytest.mark.parametrize("path", ["/", "/tasks", "/api/tasks"])
@pytest.mark.parametrize("credentials", ["", "ann:wrong"])
def test_nobody_else_may_look(path: str, credentials: str) -> None:
    """Loopback is open to the users of the other environments, and Flower is not."""
    assert page("app1", f"{URL}{path}", credentials, user="uat")[0] == 401


def test_other_hosts_do_not_reach_it() -> None:
    """It listens on loopback only."""
    with pytest.raises(AssertionError, match="Connection refused"):
        page("app2", URL.replace("127.0.0.1", "app1"))


def test_what_it_saw_survives_a_restart() -> None:
    """Flower knows the tasks that ran before."""
    before = succeeded()
    whoami(next(found for found in services("app1") if found.environment == "live"), "celery")
    seen = wait_for_new(before)
    assert seen > before
    on_host("app1", "systemctl", "restart", "celery-live-flower")
    assert succeeded() >= seen
