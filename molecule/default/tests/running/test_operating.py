# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator does by hand: one environment as a whole, and its celery command."""
from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.fleet import on_host, python, services

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


def test_the_target_is_the_whole_environment_and_nothing_else() -> None:
    """systemctl stop and start of celery-live.target do so to all services of live and to none of another one."""
    others = [service for service in services("app1") if service.environment != "live"]
    on_host("app1", "systemctl", "stop", "celery-live.target")
    assert eventually(lambda: states("live"), {"inactive (dead)"}) == {"inactive (dead)"}
    on_host("app1", "systemctl", "start", "celery-live.target")
    assert states("live") == {"active (running)"}
    assert [service for service in services("app1") if service.environment != "live"] == others


def test_the_operator_command_asks_its_environment_and_no_other() -> None:
    """celery-live finds the nodes of live on all hosts."""
    answer = on_host("app1", "celery-live", "inspect", "--timeout=3", "ping")
    assert {"w1@app1", "w2@app1", "w1@app2", "reports@app2", "mails@app2"} <= set(answer.replace(":", " ").split())
    assert "5 nodes online" in answer
    assert "1 node online" in on_host("app1", "celery-uat", "inspect", "--timeout=3", "ping")


def test_the_operator_command_runs_in_the_context_of_the_services() -> None:
    """It runs as the environment's user and in its directory."""
    script = 'import os, pwd, sys; print(pwd.getpwuid(os.geteuid()).pw_name, os.getcwd())'
    said = on_host("app1", "celery-live", "shell", "--python", stdin=f"{script}\n")
    assert "live /home/live/edc" in said


def test_the_operator_command_takes_its_arguments_literally() -> None:
    """Neither a shell nor systemd expands what looks like a variable or a specifier."""
    name, key = "meta_edc.tasks.mark", f"literal-{time.time()}"
    values = ["$HOME ${USER} %n $$", "a b"]
    on_host("app1", "celery-live", "call", name, "--kwargs", json.dumps({"name": key, "value": values[0]}))
    on_host("app1", "celery-live", "call", name, "--kwargs", json.dumps({"name": key, "value": values[1]}))
    assert eventually(lambda: sorted(marks(key)), sorted(values)) == sorted(values)
