# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies heals on the next run, wherever it died."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from tests.faults import TASK, run_until_task
from tests.fleet import Service, environ, files, on_host, services
from tests.runs import changes, command, converged

LIMIT = ("--limit", "debug")
URL = "redis://debug:only-for-the-tests-debug@broker1:6379/3"


def marked(mark: int) -> dict[str, Any]:
    """Return the variables of a run that changes the environment file of debug's worker."""
    return {
        "celery_debug": {
            "app": "meta_edc.celery.debug:app",
            "directory": "/home/debug/edc",
            "virtualenv": "/home/debug/edc/.venv",
            "environment": {"CELERY_BROKER_URL": URL, "CELERY_RESULT_BACKEND": URL, "MARK": str(mark)},
        }
    }


def worker() -> Service:
    """Return the worker of debug."""
    (found,) = (service for service in services("app1") if service.environment == "debug")
    return found


def state() -> str:
    """Return all that a run may leave half done: files, services, what systemd has read, what was noted as started."""
    noted = on_host("app1", "find", "/run/stalk.celery", "-ignore_readdir_race", "-printf", "%p %s %T@\n")
    read = on_host("app1", "systemctl", "show", "--property=NeedDaemonReload", "celery-*")
    return f"{services('app1')} {files('app1')} {noted} {read}"


def begin(mark: int) -> subprocess.Popen[str]:
    """Begin a run."""
    words = command(*LIMIT, variables=marked(mark))
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)


def states_at_tasks(mark: int) -> list[str]:
    """Return the state before a run, at the beginning of each of its tasks, where it is held for that, and after it."""
    states = [state()]
    with begin(mark) as run:
        for line in run.stdout or ():
            if line.startswith(TASK):
                os.killpg(run.pid, signal.SIGSTOP)
                states.append(state())
                os.killpg(run.pid, signal.SIGCONT)
    return [*states, state()]


def test_a_run_that_died_heals() -> None:
    """Kill a run at each task before which something has changed; the next run finishes its work.

    At all other tasks a death leaves what one at the task before it leaves.
    """
    states = states_at_tasks(mark=0)
    telling = [number for number in range(1, len(states) - 1) if states[number - 1] != states[number]]
    assert (len(states) > 15, len(telling) > 2) == (True, True), telling
    for number in telling:
        run_until_task(command(*LIMIT, variables=marked(number)), number)
        converged(*LIMIT, variables=marked(number))
        assert environ(worker())["MARK"] == str(number)
    assert set(changes(converged(*LIMIT, variables=marked(telling[-1]))).values()) == {0}
    converged(*LIMIT)
    assert "MARK" not in environ(worker())
