# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies between writing a file and restarting its service heals on the next run."""
from __future__ import annotations

import subprocess

from tests.fleet import environ, services
from tests.runs import command, converged

CHANGED = {"celery_debug": {
    "app": "meta_edc.celery.debug:app",
    "directory": "/home/debug/edc",
    "virtualenv": "/home/debug/edc/.venv",
    "environment": {
        "CELERY_BROKER_URL": "redis://debug:only-for-the-tests-debug@broker1:6379/3",
        "CELERY_RESULT_BACKEND": "redis://debug:only-for-the-tests-debug@broker1:6379/3",
        "MARK": "changed",
    },
}}


def mark() -> str | None:
    """Return what the running worker of debug has in its environment."""
    (worker,) = (service for service in services("app1") if service.environment == "debug")
    return environ(worker).get("MARK")


def test_a_run_that_died_heals() -> None:
    """Kill the run when the files are written; the next run restarts the worker, and the one after it nothing."""
    run = subprocess.Popen(
        command("--limit", "debug", variables=CHANGED), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stdout
    for line in run.stdout:
        if line.startswith("RUNNING HANDLER"):
            run.kill()
            break
    run.wait()
    assert mark() is None
    converged("--limit", "debug", variables=CHANGED)
    assert mark() == "changed"
    assert "changed=0" in converged("--limit", "debug", variables=CHANGED)
    converged("--limit", "debug")
    assert mark() is None
