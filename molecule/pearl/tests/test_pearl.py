# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/examples/pearl.md says of this installation."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.fleet import environ, on_host, owners, service, services
from tests.pages import page
from tests.work import eventually

SITES = ("cert", "green_door", "pqs", "api")
WORKERS = (*SITES, "long_running")
PYTHON = "/srv/pearl/.venv/bin/python"
CALL = """
import importlib, json, sys, django

django.setup()
module = importlib.import_module(f"pearlcertification.celery_tasks.{sys.argv[1]}")
print(json.dumps(module.whoami.delay().get(timeout=60)))
"""
SCHEDULE = """
import json, django

django.setup()
from django_celery_beat.models import IntervalSchedule, PeriodicTask

every, _made = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
task = "pearlcertification.celery_tasks.cert.tick"
PeriodicTask.objects.update_or_create(name="ticks", defaults={"task": task, "interval": every, "queue": "cert"})
print(0)
"""
TICKS = "from config.cert.celery_app import cert_app; print(cert_app.backend.client.llen('ticks'))"


def run(host: str, script: str, *arguments: str, variables: dict[str, str]) -> Any:
    """Run a script of the project as its user; return the JSON that it prints."""
    passed = [f"{name}={value}" for name, value in variables.items()]
    command = ["env", "--chdir=/srv/pearl", "PYTHONPATH=/srv/pearl", *passed, PYTHON, "-", *arguments]
    return json.loads(on_host(host, *command, user="pearl", stdin=script))


def variables_of(host: str, unit: str) -> dict[str, str]:
    """Return the variables by which a service finds its settings and its broker."""
    found = environ(service(host, unit))
    return {name: found[name] for name in found if name.startswith(("CELERY_", "DJANGO_", "USE_"))}


@pytest.mark.parametrize("name", WORKERS)
def test_each_site_has_a_worker_with_its_own_configuration(name: str) -> None:
    """A task goes through the queue of its site, and runs with the settings of it."""
    unit = f"celery-production-{name}"
    report = run("pearl1", CALL, name, variables=variables_of("pearl1", unit))
    site = name if name in SITES else "cert"
    assert report == {"site": site, "queue": name, "node": f"{name}@pearl1", "user": "pearl"}
    assert owners(service("pearl1", unit)) == {"pearl"}


def test_jobs_are_defined_at_run_time() -> None:
    """Beat sends what was written into the database while it runs."""
    variables = variables_of("pearl1", "celery-production-cert")
    before = run("pearl1", TICKS, variables=variables)
    run("pearl1", SCHEDULE, variables=variables)
    until = time.monotonic() + 60
    while run("pearl1", TICKS, variables=variables) < before + 2:
        assert time.monotonic() < until
        time.sleep(1)


def test_flower_shows_all_workers() -> None:
    """At port 5555, as in the document."""

    def missing() -> list[str]:
        status, text = page("pearl1", "http://127.0.0.1:5555/workers?refresh=1")
        assert status == 200
        return [name for name in WORKERS if f"{name}@pearl1" not in text]

    eventually("all workers in Flower", lambda: missing() == [], 20)


def test_only_the_environment_reaches_its_redis() -> None:
    """It listens at a socket of the group pearl and at no port."""
    listening = on_host("pearl1", "ss", "--listening", "--tcp", "--numeric", "--no-header")
    assert "6379" not in listening
    shown = on_host("pearl1", "stat", "--format=%U:%G %a", "/run/redis-celery-production/redis.sock").strip()
    assert shown == "pearl:pearl 770"


def test_development_starts_nothing_by_itself_and_each_worker_on_its_own() -> None:
    """But Redis always runs."""
    states = {found.unit: found.state for found in services("vagrant1")}
    assert set(states.values()) <= {"inactive (dead)"}
    assert on_host("vagrant1", "systemctl", "is-active", "redis-celery-development").strip() == "active"
    on_host("vagrant1", "systemctl", "start", "celery-development-pqs")
    report = run("vagrant1", CALL, "pqs", variables=variables_of("vagrant1", "celery-development-pqs"))
    assert report == {"site": "pqs", "queue": "pqs", "node": "pqs@vagrant1", "user": "pearl"}
    running = [found.unit for found in services("vagrant1") if found.state.startswith("active")]
    assert running == ["celery-development-pqs.service"]
    on_host("vagrant1", "systemctl", "stop", "celery-development-pqs")


@pytest.mark.parametrize("name", SITES)
def test_without_use_celery_tasks_run_synchronously(name: str) -> None:
    """In the process that calls them, without a worker."""
    report = run("vagrant1", CALL, name, variables={"DJANGO_SETTINGS_MODULE": f"config.{name}.settings"})
    assert (report["site"], report["queue"], report["user"]) == (name, None, "pearl")
