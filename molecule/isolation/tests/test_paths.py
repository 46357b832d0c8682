# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user puts in the way leads root nowhere, and what runs on a host already is not swept away."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet import on_host
from tests.runs import refused

HOSTS = ("app1", "app2")
FOREIGN = "celery-uat-foreign.service"
UAT: dict[str, Any] = {
    "app": "meta_edc.celery.uat:app",
    "user": "uat",
    "directory": "/home/uat/edc",
    "virtualenv": "/home/uat/edc/.venv",
    "environment": {
        "DJANGO_SETTINGS_MODULE": "meta_edc.settings.uat",
        "CELERY_BROKER_URL": "redis://uat:only-for-the-tests-uat@broker1:6379/2",
        "CELERY_RESULT_BACKEND": "redis://uat:only-for-the-tests-uat@broker1:6379/2",
    },
    "workers": [{"name": "w1", "log_file": "/home/uat/var/log/w1.log"}, {"name": "foreign"}],
}


def as_uat(host: str, script: str) -> None:
    """Run a shell script as the user of uat."""
    on_host(host, "runuser", "-u", "uat", "--", "sh", "-c", script)


@pytest.fixture
def _planted() -> Iterator[None]:
    """A link of uat in the place of a directory, and a service of somebody else with the name of one of uat's."""
    for host in HOSTS:
        as_uat(host, "ln -s /var /home/uat/var")
        on_host(host, "systemd-run", f"--unit={FOREIGN}", "sleep", "600")
    yield
    for host in HOSTS:
        as_uat(host, "rm /home/uat/var")
        on_host(host, "systemctl", "stop", FOREIGN)


@pytest.mark.usefixtures("_planted")
def test_a_link_of_a_user_and_a_foreign_unit_stop_the_run_before_the_first_change() -> None:
    def state() -> list[str]:
        commands = (
            ("stat", "--format=%U:%G %a", "/var", "/var/log"),
            ("systemctl", "show", "--property=MainPID,ActiveState", FOREIGN),
            ("ls", "/etc/systemd/system", "/etc/conf.d"),
        )
        return [on_host(host, *command) for host in HOSTS for command in commands]

    before = state()
    said = refused("-l", "uat", variables={"celery_uat": UAT})
    assert "celery_uat.log_file is in /home/uat/var/log, which cannot be reached (/home/uat/var: it is a sym" in said
    assert f"{FOREIGN} is a unit of this host already: /run/systemd/transient/{FOREIGN}" in said
    assert state() == before
