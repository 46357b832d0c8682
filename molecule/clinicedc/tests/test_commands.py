# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the document, as they are written there, and what its environment files say."""

from __future__ import annotations

import subprocess

import pytest

from tests.defects import environment_file
from tests.fleet import environ, on_host, service, wait_for_new_processes
from tests.hosts.enter import command_on
from tests.work import Work, assert_each_done_once, send, wait_for_all

HOST = "app1"
STATUS = [
    "sudo systemctl status celery.live.service",
    "sudo systemctl status celery.uat.service",
    "sudo systemctl status celerybeat.service",
    "sudo systemctl status celerybeat-uat.service",
]
FOLLOW = {
    "sudo journalctl -u celery.uat.service -f": "Started ",
    "sudo tail -f /var/log/celery/w1.uat.log": "Task meta_edc.tasks.work",
    "sudo tail -f /var/log/celery/celerybeat.uat.log": "Sending due task tick",
}
RESTART = {
    "sudo systemctl restart celery.uat.service celerybeat-uat.service": "uat",
    "sudo systemctl restart celery.live.service celerybeat.service": "live",
}
BEATS = {"live": "celerybeat", "uat": "celerybeat-uat"}
WORKER = {
    "CELERYD_NODES": "w1@%h",
    "CELERY_BIN": "/home/{0}/edc/.venv/bin/celery",
    "CELERY_APP": "meta_edc.celery.{0}:app",
    "CELERYD_OPTS": "--concurrency=8 --time-limit=300",
    "CELERYD_LOG_LEVEL": "INFO",
}


@pytest.mark.parametrize("command", STATUS)
def test_status(command: str) -> None:
    """The service runs, and says what it does."""
    said = on_host(HOST, *command.split())
    assert "Active: active (running)" in said
    assert "; enabled;" in said
    assert 'Status: "' in said


@pytest.mark.parametrize("command", FOLLOW)
def test_logs(command: str) -> None:
    """They are where the document says, and have lines of the service."""
    # More than one node reserves: which of them gets the ticks of beat is left to Redis, and it may be the same always.
    send([Work(service(HOST, "celery.uat"), named_queue="celery")], count=40, seconds=1)
    follow = command_on(HOST, ["timeout", "30", *command.split()])
    with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(FOLLOW[command] in line for line in process.stdout)
        process.terminate()


@pytest.mark.parametrize("command", RESTART)
def test_restart(command: str) -> None:
    """Both nodes and beat have new processes, which run the code of now; tasks that ran are done, and once."""
    environment = RESTART[command]
    units = [f"celery.{environment}", f"celery.{environment}.w2", BEATS[environment]]
    old = [service(HOST, unit) for unit in units]
    works = [Work(old[0], named_queue="celery")]
    send(works, count=40, seconds=1)
    wait_for_all(works, "begun", 20, count=16)
    on_host(HOST, *command.split())
    wait_for_new_processes(old)
    wait_for_all(works, "done", 40)
    assert_each_done_once(works)


@pytest.mark.parametrize("environment", ["live", "uat"])
def test_the_environment_files_have_the_variables_of_the_document(environment: str) -> None:
    """In the files that it names: those of the worker, and CELERY_ENABLED; those of beat."""
    worker, beat = service(HOST, f"celery.{environment}"), service(HOST, BEATS[environment])
    assert environment_file(worker) == f"/etc/conf.d/celery.{environment}.conf"
    assert environment_file(beat) == f"/etc/conf.d/celerybeat.{environment}.conf"
    logs = {"live": "/var/log/celery", "uat": "/var/log/celery-uat"}[environment]
    expected = {name: value.format(environment) for name, value in WORKER.items()}
    expected |= {"CELERYD_LOG_FILE": f"{logs}/%n%I.{environment}.log", "CELERY_ENABLED": "True"}
    assert expected.items() <= environ(worker).items()
    assert environ(beat)["CELERYBEAT_LOG_FILE"] == f"{logs}/celerybeat.{environment}.log"
