# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies heals on the next run, wherever it died."""
from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from tests.fleet import Service, environ, files, services
from tests.runs import changes, command, converged

LIMIT = ("--limit", "debug")
URL = "redis://debug:only-for-the-tests-debug@broker1:6379/3"


def marked(mark: int) -> dict[str, Any]:
    """Return the variables of a run that changes the environment file of debug's worker."""
    return {"celery_debug": {
        "app": "meta_edc.celery.debug:app",
        "directory": "/home/debug/edc",
        "virtualenv": "/home/debug/edc/.venv",
        "environment": {"CELERY_BROKER_URL": URL, "CELERY_RESULT_BACKEND": URL, "MARK": str(mark)},
    }}


def worker() -> Service:
    """Return the worker of debug."""
    (found,) = (service for service in services("app1") if service.environment == "debug")
    return found


def killed_at(boundary: int) -> bool:
    """Kill a run, with all its processes, when it begins its task of this number; return whether it has so many."""
    run = subprocess.Popen(
        command(*LIMIT, variables=marked(boundary)), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stdout
    begun = 0
    for line in run.stdout:
        begun += line.startswith(("TASK [", "RUNNING HANDLER ["))
        if begun == boundary:
            os.killpg(run.pid, signal.SIGKILL)
            break
    run.wait()
    return begun == boundary


def test_a_run_that_died_at_any_task_heals() -> None:
    """Kill a run at each of its tasks in turn. Either it has done nothing yet, or the next run finishes its work."""
    boundary, healed = 1, 0
    before = worker(), files("app1")
    while killed_at(boundary):
        if (worker(), files("app1")) != before:
            converged(*LIMIT, variables=marked(boundary))
            healed += 1
            assert environ(worker())["MARK"] == str(boundary)
            before = worker(), files("app1")
        boundary += 1
    assert (boundary > 10, healed > 3) == (True, True), f"{healed} of {boundary} boundaries left something to heal"
    assert environ(worker())["MARK"] == str(boundary)
    assert set(changes(converged(*LIMIT, variables=marked(boundary))).values()) == {0}
    converged(*LIMIT)
    assert "MARK" not in environ(worker())
