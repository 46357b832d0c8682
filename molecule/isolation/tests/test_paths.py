# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user puts in the way leads root nowhere, and what runs on a host already is not swept away."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet import on_host
from tests.runs import converged, refused

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
    """Plant a link of uat in the place of a directory, and a service of somebody else with the name of one of uat's."""
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


# Refused on the controller: line breaks first, then values, then names; what units a host has is known there alone.
VALUES: dict[str, Any] = {
    **UAT,
    "workers": [
        {"name": "c", "env_file": "/home/uat/conf/w1.conf"},
        {"name": "d", "env_file": "/etc/cron.d/uatb"},
    ],
}
LINES: dict[str, Any] = {
    **UAT,
    "workers": [
        {"name": "a", "node": "c {\n firstaction\n id\n endscript\n}@%h"},
        {"name": "b", "sandbox": {"UMask": "0027\rExecStartPre=+/bin/sh -c id"}},
    ],
}
NAMES: dict[str, Any] = {
    **UAT,
    "home": "/home/live",
    "group": "live",
    "workers": [
        {"name": "d", "unit": "stalk.celery.service"},
        {"name": "e", "unit": "systemd-logind.service", "state": "stopped"},
    ],
}
UNITS: dict[str, Any] = {
    **UAT,
    "workers": [{"name": "a", "unit": "ssh.service", "state": "stopped"}, {"name": "b", "unit": "logrotate.service"}],
}


def of_others() -> list[str]:
    """Return what an environment must not change of live and of the system."""
    commands = (
        ("stat", "--format=%n %U:%G %a", "/home/live", "/run/systemd", "/etc/cron.daily"),
        ("systemctl", "show", "--property=MainPID,FragmentPath,DropInPaths", "systemd-logind", "celery-live-w1"),
        ("ls", "/etc/systemd/system", "/etc/conf.d", "/etc/cron.daily"),
    )
    return [on_host(host, *command) for host in HOSTS for command in commands]


@pytest.fixture
def _forged() -> Iterator[None]:
    """Make a directory of uat with a unit of the system and one of live, which both say that they are uat's."""
    marker = "# Managed by stalk.celery: uat/environment/x."
    for host in HOSTS:
        as_uat(host, "mkdir /home/uat/conf")
        for name in ("systemd-tmpfiles-clean.service", "celery-live-w1.service"):
            as_uat(host, f"echo '{marker}' > /home/uat/conf/{name}")
    yield
    for host in HOSTS:
        as_uat(host, "rm -r /home/uat/conf")


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "lines": (LINES, ["workers[0].node has a line break", "workers[1].sandbox.UMask has a carriage return"]),
    "files": (VALUES, ["workers[0].env_file is /home/uat/conf/w1.conf", "workers[1].env_file is /etc/cron.d/uatb"]),
    "names": (NAMES, ["uat.group is live", "uat.home is /home/live", "unit is stalk.celery", "unit is systemd-"]),
    "units": (UNITS, [f"{name}.service is a unit of this host already" for name in ("ssh", "logrotate")]),
}


@pytest.mark.parametrize(("asked", "sentences"), REFUSED.values(), ids=REFUSED)
@pytest.mark.usefixtures("_forged")
def test_what_belongs_to_others_is_refused_by_its_key(asked: dict[str, Any], sentences: list[str]) -> None:
    before = of_others()
    said = refused("-l", "uat", variables={"celery_uat": asked})
    assert [sentence for sentence in sentences if sentence not in said] == []
    assert of_others() == before


@pytest.fixture
def _astray(request: pytest.FixtureRequest) -> Iterator[None]:
    """Uat's working directory is a link to somewhere else."""
    for host in HOSTS:
        as_uat(host, f"mv /home/uat/edc /home/uat/edc.real; ln -s {request.param} /home/uat/edc")
    yield
    for host in HOSTS:
        as_uat(host, "rm /home/uat/edc; mv /home/uat/edc.real /home/uat/edc")


@pytest.mark.parametrize("_astray", ["edc", "/"], ids=["itself", "all"], indirect=True)
@pytest.mark.usefixtures("_astray")
def test_a_directory_that_leads_astray_hides_nothing_of_live() -> None:
    """A loop, and one that is searched without end."""
    began = time.monotonic()
    table = converged(playbook="stalk.celery.status")
    converged("-l", "live", playbook="stalk.celery.verify")
    assert time.monotonic() - began < 120
    assert len(re.findall(r"^live +app1 +w1 +running|^ +app2 +w1 +running", table, re.MULTILINE)) == 2, table


@pytest.fixture
def _released() -> Iterator[dict[str, Any]]:
    """Uat in releases, of which the second one runs; their link is in a directory that uat can rename."""
    uat = {**UAT, "directory": "/home/uat/app/current", "workers": [{"name": "w1"}]}
    for host in HOSTS:
        as_uat(host, "mkdir -p /home/uat/app /home/uat/releases/r1 /home/uat/releases/r2")
        as_uat(host, "for release in r1 r2; do cp -a /home/uat/edc/[!.]* /home/uat/releases/$release; done")
        as_uat(host, "ln -s /home/uat/releases/r1 /home/uat/app/current")
    converged("-l", "uat", variables={"celery_uat": uat})
    for host in HOSTS:
        as_uat(host, "ln -sfn /home/uat/releases/r2 /home/uat/app/current")
    converged("-l", "uat", playbook="stalk.celery.restart", variables={"celery_uat": uat})
    yield uat
    converged("-l", "uat")
    for host in HOSTS:
        as_uat(host, "rm -r /home/uat/releases /home/uat/app")


def test_a_rollback_makes_no_link_where_a_user_leads_it(_released: dict[str, Any]) -> None:
    """As root it could be one in a directory whose files run as root."""
    for host in HOSTS:
        as_uat(host, "mv /home/uat/app /home/uat/app.real; ln -s /etc/cron.daily /home/uat/app")
    before = of_others()
    said = refused("-l", "uat", playbook="stalk.celery.rollback", variables={"celery_uat": _released})
    assert "/home/uat/app" in said
    assert of_others() == before
    for host in HOSTS:
        as_uat(host, "rm /home/uat/app; mv /home/uat/app.real /home/uat/app")
    converged("-l", "uat", playbook="stalk.celery.rollback", variables={"celery_uat": _released})
    for host in HOSTS:
        assert on_host(host, "readlink", "/home/uat/app/current").strip() == "/home/uat/releases/r1"
