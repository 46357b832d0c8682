# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/examples/production_notes.md says of this installation."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fleet import environ, on_host, owners, service, wait_for_new_process
from tests.pages import assert_flower_shows, page
from tests.runs import converged

FLOWER = "http://127.0.0.1:5555"
CREDENTIALS = "flower:only-for-the-example-flower"
NODES = {"celery@customers.app1", "celery@default.app1", "celery@feeds.app1"}
SEND = """
import importlib, json, sys
import celery_config

module, name = sys.argv[1].rsplit(".", 1)
task = getattr(importlib.import_module(module), name)
sent = [task.delay() for _ in range(int(sys.argv[2]))]
print(json.dumps([result.get(timeout=60) for result in sent]))
"""
SHUT_DOWN = """
import base64, sys, urllib.request

url, credentials = sys.argv[1:]
headers = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
print(urllib.request.urlopen(urllib.request.Request(url, b"", headers), timeout=20).status)
"""


def send(task: str, count: int = 1) -> list[dict[str, Any]]:
    """Call a task as the project's own code does, from which its router chooses the queue; return the results."""
    worker = service("app1", "celery-production-default")
    variables = environ(worker)
    passed = [f"{name}={variables[name]}" for name in ("CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE")]
    python = ["/srv/project/.venv/bin/python", "-", task, str(count)]
    command = ["env", "--chdir=/srv/project", "PYTHONPATH=/srv/project", *passed, *python]
    reports: list[dict[str, Any]] = json.loads(on_host("app1", *command, user=worker.user, stdin=SEND))
    return reports


def test_the_router_sends_customers_to_their_own_worker() -> None:
    """And all other tasks to the default one."""
    [customer], [other] = send("customers.tasks.greet"), send("core.tasks.clean")
    user = {"user": "production"}
    assert customer == {"queue": "customers", "node": "celery@customers.app1", "release": "1", **user}
    assert other == {"queue": "celery", "node": "celery@default.app1", **user}


def test_256_tasks_wait_at_the_same_time() -> None:
    """Those of the worker with eventlet; a pool of processes would run a few."""
    reports = send("feeds.tasks.fetch", 256)
    assert {(report["queue"], report["node"]) for report in reports} == {("feeds", "celery@feeds.app1")}
    at_once = [sum(other["begun"] <= one["begun"] < other["done"] for other in reports) for one in reports]
    assert max(at_once) > 100


def test_the_pools_have_their_sizes() -> None:
    """Eight processes each, and 256 green threads in one."""
    for name, processes in (("customers", 9), ("default", 9), ("feeds", 1)):
        worker = service("app1", f"celery-production-{name}")
        assert owners(worker) == {"production"}
        pids = on_host("app1", "cat", f"/sys/fs/cgroup/system.slice/{worker.unit}/cgroup.procs").split()
        assert len(pids) == processes


def test_flower_asks_who_it_is_and_shows_all_workers() -> None:
    """From other hosts as well, with a password."""
    address = FLOWER.replace("127.0.0.1", "app1")
    assert page("rabbit1", address)[0] == 401
    assert_flower_shows(NODES, "rabbit1", address, CREDENTIALS)


def test_a_worker_that_is_shut_down_from_flowers_page_comes_back_with_the_latest_code() -> None:
    """It finishes its tasks first, and no other worker is touched."""
    others = [service("app1", f"celery-production-{name}") for name in ("default", "feeds")]
    old = service("app1", "celery-production-customers")
    on_host("app1", "sed", "--in-place", 's/^RELEASE = .*/RELEASE = "2"/', "/srv/project/customers/tasks.py")
    url = f"{FLOWER}/api/worker/shutdown/celery@customers.app1"
    assert on_host("app1", "python3", "-", url, CREDENTIALS, stdin=SHUT_DOWN).strip() == "200"
    wait_for_new_process(old, 60)
    assert send("customers.tasks.greet")[0]["release"] == "2"
    assert [service("app1", f"celery-production-{name}") for name in ("default", "feeds")] == others


def test_the_management_page_knows_the_queues() -> None:
    """The environment's user sees its virtual host, with a strong password that nobody wrote; guest is gone."""
    password = on_host("rabbit1", "cat", "/etc/celery-broker/passwords/production").strip()
    url = "http://127.0.0.1:15672/api/queues/production"
    status, text = page("rabbit1", url, f"production:{password}")
    assert (status, {"celery", "customers", "feeds"} <= {queue["name"] for queue in json.loads(text)}) == (200, True)
    assert page("rabbit1", url, "guest:guest")[0] == 401
    assert re.fullmatch(r"[\w-]{43,}", password)


def test_the_playbooks_know_the_nodes_by_the_names_that_celery_gives_them() -> None:
    """Without an @ a name is completed: customers.%h is celery@customers.app1."""
    converged("-l", "production", playbook="playbooks/restart.yml")
    assert "No problem with celery-production-customers.service" in converged(playbook="playbooks/verify.yml")
