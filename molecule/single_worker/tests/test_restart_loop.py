# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restart loop of the document: the forking unit beside ours, where its race is lost each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import again, environ, on_host, service, whoami
from tests.inventory import Inventory
from tests.runs import converged
from tests.work import eventually

HOST = "my-host"
RACE = "/opt/race"
# The first of the two forks of celery multi takes longer than celery multi: systemd takes that child for the service.
SLOW_FORKS = """
import os, time

os.register_at_fork(after_in_child=lambda: time.sleep(1))
"""
UNIT = """
[Unit]
Description=Celery Service
After=network.target

[Service]
Type=forking
User=celery
Group=celery
EnvironmentFile=/etc/conf.d/forking
WorkingDirectory=/opt/celery
ExecStart=/bin/sh -c '${CELERY_BIN} -A $CELERY_APP multi start $CELERYD_NODES \\
    --pidfile=${CELERYD_PID_FILE} --logfile=${CELERYD_LOG_FILE} \\
    --loglevel="${CELERYD_LOG_LEVEL}" $CELERYD_OPTS'
ExecStop=/bin/sh -c '${CELERY_BIN} multi stopwait $CELERYD_NODES \\
    --pidfile=${CELERYD_PID_FILE} --logfile=${CELERYD_LOG_FILE} \\
    --loglevel="${CELERYD_LOG_LEVEL}"'
Restart=always
"""
VARIABLES = """
CELERYD_NODES=my-worker
CELERYD_OPTS="--queues=forking --loglevel=debug --hostname=forking"
CELERYD_PID_FILE="/run/forking/%n.pid"
CELERYD_LOG_FILE="/run/forking/%n%I.log"
CELERYD_LOG_LEVEL="INFO"
"""
TAKEN = ("CELERY_BIN", "CELERY_APP", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "DJANGO_SETTINGS_MODULE")


def restarts(unit: str) -> int:
    """Return how often systemd has restarted a unit by itself."""
    return int(on_host(HOST, "systemctl", "show", "--property=NRestarts", "--value", unit))


@pytest.fixture
def forking() -> Iterator[str]:
    """Install the unit of the document under another name, and remove it at the end."""
    own = environ(service(HOST, "celery"))
    taken = "".join(f"{name}={own[name]}\n" for name in TAKEN)
    on_host(HOST, "install", "--directory", "--owner=celery", "/run/forking", RACE)
    on_host(HOST, "tee", f"{RACE}/sitecustomize.py", stdin=SLOW_FORKS)
    on_host(HOST, "tee", "/etc/systemd/system/forking.service", stdin=UNIT)
    on_host(HOST, "tee", "/etc/conf.d/forking", stdin=f"{VARIABLES}{taken}PYTHONPATH={RACE}\n")
    on_host(HOST, "systemctl", "daemon-reload")
    yield "forking.service"
    on_host(HOST, "systemctl", "stop", "forking.service")
    on_host(HOST, "rm", "--recursive", "/etc/systemd/system/forking.service", "/etc/conf.d/forking", "/run/forking")
    on_host(HOST, "systemctl", "daemon-reload")
    converged()


def test_the_forking_unit_restarts_for_ever_and_ours_does_not(forking: str, tmp_path: Path) -> None:
    """With the same slow forks for both."""
    inventory = Inventory(tmp_path)
    main = inventory.environment("main")
    main["environment"]["PYTHONPATH"] = RACE
    inventory.write("main", main)
    converged(inventory=inventory)
    worker = service(HOST, "celery")
    assert RACE in environ(worker)["PYTHONPATH"].split(":")
    on_host(HOST, "systemctl", "start", "--no-block", forking)
    eventually("systemd has restarted the forking unit three times", lambda: restarts(forking) >= 3, 60)
    before = restarts(forking)
    eventually("it goes on", lambda: restarts(forking) > before, 30)
    assert (again(worker), restarts(worker.unit)) == (worker, 0)
    assert whoami(worker, "my-queue")[0]["node"] == "my-worker@my-host"
