# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uat shares both hosts with live and reaches nothing of it, neither with a task nor with a shell.

The same attacks reach their goal where they may: as live, as root, and on a service that was written by hand.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import on_host, python, service, services, task, whoami

PROGRAM = (Path(__file__).parents[1] / "attacks.py").read_text(encoding="utf-8")
HOSTS = ("app1", "app2")
ATTACKERS = ("task", "shell")
NUMBER = 4711
DECOY = "celery-live-decoy"
ATTACKS = re.findall(r"^@attack\ndef (\w+)", PROGRAM, re.MULTILINE)
# Denied to everybody, so that no attempt can show what success looks like.
FOR_NOBODY = ("notify_as_oneself", "adopt_main_process", "administer_broker")
# Everybody sees the command lines of all processes, unless the administrator mounts /proc with hidepid=invisible.
SEEN_BY_ALL = {("shell", "read_command_line")}

Outcomes = Mapping[str, tuple[str, str]]


def target(host: str, **changes: Any) -> dict[str, Any]:
    """Return what an attacker has to know of live's worker."""
    return {
        "pid": service(host, "celery-live-w1").pid,
        "unit": "celery-live-w1.service",
        "uid": int(on_host(host, "id", "--user", "live")),
        "secret": "only-for-the-tests-live",
        "number": NUMBER,
        "database": 1,
        "queue": "celery",
        "nodes": None,
        **changes,
    }


def decoy(host: str) -> dict[str, Any]:
    """Start what a careless administrator of live writes by hand; return the target that it is."""
    # Without a semicolon, which systemd 252 writes as "\;" and reads as two characters after a daemon-reload.
    sleep = ("/usr/bin/python3", "-c", "__import__('time').sleep(600)", "--password=by-hand")
    properties = ("User=live", "Group=live", "Environment=PASSWORD=by-hand", "NotifyAccess=main")
    on_host(host, "systemd-run", "--collect", f"--unit={DECOY}", *(f"--property={line}" for line in properties), *sleep)
    pid = service(host, DECOY).pid
    return target(host, pid=pid, unit=f"{DECOY}.service", secret="by-hand", queue="decoy", nodes=["nobody@nowhere"])


@functools.cache
def attacks(host: str) -> Mapping[str, Outcomes]:
    """Return how all attacks of uat on live's worker ended, by attacker."""
    uat, victim = service(host, "celery-uat-w1"), target(host)
    plant(host)
    return {
        "task": task(uat, host, "run", PROGRAM, "attempt", victim),
        "shell": python(uat, PROGRAM, "attempt", json.dumps(victim)),
    }


@functools.cache
def controls(host: str) -> Mapping[str, Outcomes]:
    """Return how the same attacks ended as live's task, as live and as root; the last one stops the decoy."""
    live, victim = service(host, "celery-live-w1"), decoy(host)
    plant(host)
    interpreter = "/home/live/edc/.venv/bin/python"
    return {
        "task": task(live, host, "run", PROGRAM, "attempt", victim),
        "live": python(live, PROGRAM, "attempt", json.dumps(victim)),
        "root": json.loads(on_host(host, interpreter, "-", "attempt", json.dumps(victim), stdin=PROGRAM)),
    }


def plant(host: str) -> None:
    """Have a task of live leave files, sockets and memory that are open to all users."""
    task(service(host, "celery-live-w1"), host, "run", PROGRAM, "plant", NUMBER)


@pytest.fixture(scope="module", autouse=True)
def _live_does_not_notice() -> Any:
    """See that all processes of live outlive the attacks, and go on to work."""
    before = {host: [found for found in services(host) if found.environment == "live"] for host in HOSTS}
    yield
    after = {host: [found for found in services(host) if found.environment == "live"] for host in HOSTS}
    assert after == before
    assert {whoami(after[host][-1], host)[0]["node"] for host in HOSTS} == {"w1@app1", "w1@app2"}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("attacker", ATTACKERS)
@pytest.mark.parametrize("name", ATTACKS)
def test_uat_is_denied(name: str, attacker: str, host: str) -> None:
    """The attack reaches nothing."""
    outcome, reason = attacks(host)[attacker][name]
    assert outcome == ("reached" if (attacker, name) in SEEN_BY_ALL else "denied"), reason


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in FOR_NOBODY])
def test_the_attack_is_a_real_one(name: str, host: str) -> None:
    """Made as live, as root, or on a service that was written by hand, the same attack reaches its goal."""
    found = {control: outcomes[name] for control, outcomes in controls(host).items()}
    assert "reached" in {outcome for outcome, _reason in found.values()}, found


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("attacker", ATTACKERS)
def test_nobody_writes_to_the_journal_of_another(attacker: str, host: str) -> None:
    """What uat writes in the name of live's unit is in the journal, but not in that unit's."""
    mark = f"forged-{attacker}-{time.time()}"
    uat = service(host, "celery-uat-w1")
    if attacker == "task":
        task(uat, host, "run", PROGRAM, "forge_journal", mark)
    else:
        python(uat, PROGRAM, "forge_journal", json.dumps(mark))
    on_host(host, "journalctl", "--sync")
    whole = on_host(host, "journalctl", "--quiet", "--output=cat", "--since=-1min")
    of_unit = on_host(host, "journalctl", "--quiet", "--output=cat", "--since=-1min", "--unit=celery-live-w1.service")
    assert whole.count(mark) >= 2
    assert mark not in of_unit
