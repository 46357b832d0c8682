# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the three environments, and what installed Celery for them."""

from __future__ import annotations

import pytest

from tests.fleet import Service, on_host, owners, queues, service, services, task, whoami_of

HOST = "app1"
NODES = ["w1@app1", "w2@app1"]
ENABLED = """
def enabled():
    from django.conf import settings
    return settings.CELERY_ENABLED
"""


def worker(environment: str) -> Service:
    """Return the first worker of an environment."""
    return service(HOST, f"celery.{environment}")


@pytest.mark.parametrize("environment", ["live", "uat"])
def test_both_nodes_run_tasks_as_the_user_of_the_environment(environment: str) -> None:
    """Through the queue celery, in the checkout, with CELERY_ENABLED; and nobody else does."""
    assert queues(worker(environment), NODES) == {node: ["celery"] for node in NODES}
    for report in whoami_of(worker(environment), "celery", NODES).values():
        assert (report["environment"], report["user"], report["group"]) == (environment,) * 3
        assert (report["queue"], report["directory"]) == ("celery", f"/home/{environment}/edc")
    assert task(worker(environment), "celery", "run", ENABLED, "enabled") is True


def test_all_processes_belong_to_their_environment() -> None:
    """Workers and beats of live and uat; debug has none."""
    running = [found for found in services(HOST) if found.pid]
    assert {found.unit: owners(found) for found in running} == {
        "celery.live.service": {"live"},
        "celery.live.w2.service": {"live"},
        "celerybeat.service": {"live"},
        "celery.uat.service": {"uat"},
        "celery.uat.w2.service": {"uat"},
        "celerybeat-uat.service": {"uat"},
    }


def test_debug_starts_when_it_is_told_to() -> None:
    """Its worker runs tasks, and stops."""
    on_host(HOST, "systemctl", "start", "celery.debug.service")
    report = whoami_of(worker("debug"), "celery", ["w1@app1"])["w1@app1"]
    assert (report["environment"], report["user"]) == ("debug", "debug")
    unit = "celery.debug.service"
    on_host(HOST, "systemctl", "stop", unit)
    state = on_host(HOST, "systemctl", "show", "--property=ActiveState,UnitFileState", "--value", unit)
    assert state.split() == ["inactive", "disabled"]


@pytest.mark.parametrize(("environment", "with_uv"), [("live", True), ("uat", False)])
def test_celery_is_installed_as_the_user_of_the_environment(environment: str, with_uv: bool) -> None:
    """With uv where the user has it, with pip elsewhere; all files are the user's."""
    virtualenv = f"/home/{environment}/edc/.venv"
    assert ("uv =" in on_host(HOST, "cat", f"{virtualenv}/pyvenv.cfg")) == with_uv
    assert on_host(HOST, "find", virtualenv, "-not", "-user", environment) == ""
