# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would not work is refused before the first change on any host, and what runs goes on running."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Service, files, on_host, services
from tests.runs import refused

HOSTS = ("app1", "app2")
UAT: dict[str, Any] = {
    "app": "meta_edc.celery.uat:app",
    "directory": "/home/uat/edc",
    "virtualenv": "/home/uat/edc/.venv",
    "environment": {
        "CELERY_BROKER_URL": "redis://uat:only-for-the-tests-uat@broker1:6379/2",
        "CELERY_RESULT_BACKEND": "redis://uat:only-for-the-tests-uat@broker1:6379/2",
    },
    "beat": {"host": "app1"},
}


def state() -> dict[str, tuple[str, list[Service]]]:
    """Return all files and services of all hosts."""
    return {host: (files(host), services(host)) for host in HOSTS}


@pytest.fixture
def unchanged() -> Iterator[None]:
    """Compare the hosts before and after a test: the same files, the same processes."""
    before = state()
    assert before["app1"][1]
    yield
    assert state() == before


def changed(**changes: Any) -> dict[str, Any]:
    """Return the variables of a run with a changed environment uat."""
    return {"celery_uat": {**UAT, **changes}}


def worker(**changes: Any) -> dict[str, Any]:
    """Return the variables of a run with a changed worker of uat."""
    return changed(workers=[{"name": "w1", **changes}])


def flower(**changes: Any) -> dict[str, Any]:
    """Return the variables of a run in which uat has a Flower."""
    return changed(flower={"host": "app1", "port": 5556, "basic_auth": ["ann:only-for-the-tests-uat"], **changes})


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (changed(app="meta_edc.celery.prod:app"), ["celery_uat", "Traceback", "meta_edc.celery.prod'"]),
        (changed(app="meta_edc.celery.uat:application"), ["celery_uat", "has no attribute 'application'"]),
        (changed(environment={"DJANGO_SETTINGS_MODULE": "nothing", **UAT["environment"]}), ["celery_uat", "'nothing'"]),
        (worker(options=["--without-gosip"]), ["celery_uat", "No such option", "--without-gosip"]),
        (changed(beat={"host": "app1", "scheduler": "absent:Absent"}), ["celery_uat", "No module named 'absent'"]),
        (worker(limits={"MemoryMax": "lots"}), ["celery_uat.workers[0].limits.MemoryMax is 'lots'", "2G"]),
        (worker(sandbox={"SystemCallFilter": "none_such"}), ["celery_uat", "SystemCallFilter=none_such"]),
        (
            changed(
                sandbox={"UMask": "0027\rExecStartPre=+/usr/bin/touch /root/injected"},
                workers=[{"name": "w1", "queues": [False]}],
            ),
            ["celery_uat.sandbox.UMask has a carriage return", "queues[0] is false, not a string. Write it in quotes"],
        ),
        (
            worker(unit="systemd-logind.service"),
            ["celery_uat.workers w1.unit is systemd-logind.service", "celery-uat-w1.service"],
        ),
        (changed(directory="/home/uat/nothing"), ["celery_uat", "/home/uat/nothing"]),
        (changed(virtualenv="/usr"), ["celery_uat", "/usr", "packages"]),
        (
            changed(virtualenv="/srv/req/.venv", packages=["celery"]),
            ["celery_uat.virtualenv is /srv/req/.venv", "uat cannot make it: /srv (root:root 0755)", "/home/uat"],
        ),
        (worker(concurency=2), ["celery_uat.workers[0].concurency", "did you mean concurrency?"]),
        (changed(user="live"), ["celery_uat.user is live", "shared_user: true"]),
        (changed(beat={"host": "app2"}), ["celery_uat.beat.host names app2", "Write one of: app1"]),
        (changed(flower={"host": "app1", "address": ""}), ["celery_uat.flower.address is empty", "basic_auth"]),
        (flower(options=["--max_task=9"]), ["celery_uat", "No such option: --max_task"]),
        (flower(address="192.0.2.1"), ["celery_uat", "Cannot assign requested address"]),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[-1],
)
def test_a_bad_environment_is_refused(variables: dict[str, Any], expected: list[str]) -> None:
    """The message says what is wrong; the hosts of the other environments are not changed either."""
    output = refused(variables=variables)
    for part in expected:
        assert part in output
    assert "only-for-the-tests" not in output


def test_a_file_of_somebody_else_is_left_alone() -> None:
    """A unit that the collection did not write is neither overwritten nor removed, nor is what is protected."""
    path, protected = "/etc/systemd/system/celery-uat-mine.service", "/etc/conf.d/celery-uat-w1.conf"
    on_host("app1", "sh", "-c", f"echo '[Service]' > {path}; chattr +i {protected}")
    before = state()
    try:
        output = refused(variables=changed(workers=[{"name": "mine"}, {"name": "w1", "log_level": "DEBUG"}]))
        assert path in output
        assert f"Run 'chattr -i {protected}'" in output
        assert state() == before
    finally:
        on_host("app1", "sh", "-c", f"rm {path}; chattr -i {protected}")


@pytest.mark.usefixtures("unchanged")
def test_a_user_without_privileges_is_told_what_is_missing() -> None:
    """Without root the run ends before it tried anything."""
    unprivileged = {
        "ansible_connection": "containers.podman.podman",
        "ansible_become": False,
        "ansible_user": "nobody",
        "ansible_remote_tmp": "/tmp/ansible",
    }
    assert "become: true" in refused(variables=unprivileged)


@pytest.mark.usefixtures("unchanged")
def test_a_host_without_systemd_is_refused(tmp_path: Path) -> None:
    """A container whose first process is not systemd is named, and the other hosts are not changed."""
    options = ["--detach", "--privileged", "--network=none", "--name=bare"]
    image = os.environ["STALK_IMAGE_BOOKWORM"]
    subprocess.run(["podman", "run", *options, image, "sleep", "infinity"], check=True, capture_output=True)
    inventory = tmp_path / "bare.ini"
    inventory.write_text("[uat]\nbare ansible_connection=containers.podman.podman\n")
    try:
        output = refused(f"--inventory={inventory}")
        assert "bare" in output
        assert "systemd" in output
    finally:
        subprocess.run(["podman", "rm", "--force", "--time=0", "bare"], check=True, capture_output=True)
