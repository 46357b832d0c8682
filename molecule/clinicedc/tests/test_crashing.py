# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that keeps crashing is seen by who looks after the host, with a systemd that never calls it failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet import on_host
from tests.runs import converged, refused
from tests.work import eventually

HOST = "app1"
UNIT = "celery.uat.w2.service"
FAILING = "celery.uat.w2-failing.service"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"
ALARM = "/etc/systemd/system/alarm@.service"
CRASH = "[Unit]\nOnFailure=alarm@%p.service\n[Service]\nRestartSec=1\nExecStartPre=/bin/false\n"


def failed() -> list[str]:
    """Return the units that ``systemctl --failed`` shows."""
    shown = on_host(HOST, "systemctl", "--failed", "--plain", "--no-legend")
    return [line.split()[0] for line in shown.splitlines()]


def alarms() -> int:
    """Return how often what the administrator attached to the worker ran."""
    return on_host(HOST, "journalctl", "--unit=alarm@celery.uat.w2.service", "--output=cat").count("look after it")


def show(name: str) -> str:
    """Return a property of the worker."""
    return on_host(HOST, "systemctl", "show", f"--property={name}", "--value", UNIT).strip()


@pytest.fixture
def crashing() -> Iterator[None]:
    """Let the worker crash at each start, and attach an alarm to it."""
    on_host(HOST, "tee", ALARM, stdin="[Service]\nType=oneshot\nExecStart=/bin/echo look after it\n")
    on_host(HOST, "install", "--directory", DROP_INS)
    on_host(HOST, "tee", f"{DROP_INS}/crash.conf", stdin=CRASH)
    on_host(HOST, "systemctl", "daemon-reload")
    on_host(HOST, "systemctl", "restart", "--no-block", UNIT)
    yield
    on_host(HOST, "rm", "--recursive", "--force", DROP_INS, ALARM)
    on_host(HOST, "systemctl", "daemon-reload")


def test_a_worker_that_keeps_crashing_is_failed_until_it_works_again(crashing: None) -> None:
    """It is listed, the alarm is raised once, and systemd goes on trying all the while."""
    assert failed() == []
    eventually("it is listed", lambda: failed() == [FAILING], 60)
    eventually("the alarm is raised", lambda: alarms() == 1, 20)
    assert "keeps crashing, and is started again and again" in refused(playbook="stalk.celery.verify")
    assert "w2 on app1: crashes again and again" in converged(playbook="stalk.celery.status")
    before = int(show("NRestarts"))
    said = on_host(HOST, "systemctl", "list-units", "--failed", "--plain", "--no-legend")
    assert "Celery worker w2 of environment uat keeps crashing" in said
    eventually("it goes on trying", lambda: int(show("NRestarts")) > before, 30)
    on_host(HOST, "rm", f"{DROP_INS}/crash.conf")
    on_host(HOST, "systemctl", "daemon-reload")
    eventually("it works again", lambda: show("ActiveState") == "active", 60)
    eventually("nothing has failed", lambda: failed() == [], 90)
    assert alarms() == 1
