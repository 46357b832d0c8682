# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator does by hand: one environment as a whole, and its celery command."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fleet import on_host, python, services

NEIGHBOR = """\
[Unit]
Description=A consumer that is no Celery
PartOf=celery-live.target
After=celery-live-w1.service

[Service]
User=live
WorkingDirectory=/home/live/edc
EnvironmentFile=/etc/conf.d/celery-live-w1.conf
ExecStart=/bin/sh -c 'test -n "$CELERY_BROKER_URL" && exec sleep infinity'
Restart=always

[Install]
WantedBy=celery-live.target
"""
MARKS = """
import json, os, redis, sys

store = redis.Redis.from_url(os.environ["CELERY_RESULT_BACKEND"], decode_responses=True)
print(json.dumps(store.lrange(sys.argv[1], 0, -1)))
"""


def states(environment: str) -> set[str]:
    """Return the states of the environment's services on app1."""
    return {service.state for service in services("app1") if service.environment == environment}


def marks(name: str) -> list[str]:
    """Return the values that tasks of live have appended to a list."""
    worker = next(service for service in services("app1") if service.unit == "celery-live-w1.service")
    found: list[str] = python(worker, MARKS, f"live:{name}")
    return found


def eventually(look: Callable[[], Any], expected: Any, seconds: float = 20) -> Any:
    """Look until the expected is there or the time is over; return what was there last."""
    until = time.monotonic() + seconds
    while (found := look()) != expected and time.monotonic() < until:
        time.sleep(0.2)
    return found


def state(unit: str) -> str:
    """Return the state of a unit of app1."""
    return on_host("app1", "systemctl", "show", "--value", "--property=ActiveState", unit).strip()


@pytest.fixture
def neighbor() -> Iterator[str]:
    """Return a unit that is no Celery and goes with live, as docs/inventory.md writes it."""
    name = "edc-consumer.service"
    on_host("app1", "tee", f"/etc/systemd/system/{name}", stdin=NEIGHBOR)
    on_host("app1", "systemctl", "enable", "--now", name)
    yield name
    on_host("app1", "systemctl", "disable", "--now", name)
    on_host("app1", "rm", f"/etc/systemd/system/{name}")


def test_the_target_is_the_whole_environment_and_nothing_else(neighbor: str) -> None:
    """systemctl stop and start of celery-live.target do so to all services of live and to none of another one.

    What is no Celery goes with live where its unit says so.
    """
    others = [service for service in services("app1") if service.environment != "live"]
    on_host("app1", "systemctl", "stop", "celery-live.target")
    assert eventually(lambda: states("live"), {"inactive (dead)"}) == {"inactive (dead)"}
    assert state(neighbor) == "inactive"
    on_host("app1", "systemctl", "start", "celery-live.target")
    assert states("live") == {"active (running)"}
    assert state(neighbor) == "active"
    assert [service for service in services("app1") if service.environment != "live"] == others


def test_the_operator_command_asks_its_environment_and_no_other() -> None:
    """celery-live finds the nodes of live on all hosts."""
    answer = on_host("app1", "celery-live", "inspect", "--timeout=3", "ping")
    assert {"w1@app1", "w2@app1", "w1@app2", "reports@app2", "mails@app2"} <= set(answer.replace(":", " ").split())
    assert "5 nodes online" in answer
    assert "1 node online" in on_host("app1", "celery-uat", "inspect", "--timeout=3", "ping")


def test_the_operator_command_runs_in_the_context_of_the_services() -> None:
    """It runs as the environment's user and in its directory."""
    script = "import os, pwd, sys; print(pwd.getpwuid(os.geteuid()).pw_name, os.getcwd())"
    said = on_host("app1", "celery-live", "shell", "--python", stdin=f"{script}\n")
    assert "live /home/live/edc" in said


def test_the_operator_command_takes_its_arguments_literally() -> None:
    """Neither a shell nor systemd expands what looks like a variable or a specifier."""
    name, key = "meta_edc.tasks.mark", f"literal-{time.time()}"
    values = ["$HOME ${USER} %n $$", "a b"]
    on_host("app1", "celery-live", "call", name, "--kwargs", json.dumps({"name": key, "value": values[0]}))
    on_host("app1", "celery-live", "call", name, "--kwargs", json.dumps({"name": key, "value": values[1]}))
    assert eventually(lambda: sorted(marks(key)), sorted(values)) == sorted(values)
