# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environment that the role makes when the environment has ``packages``, with pip and with uv."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet import Service, environ, on_host, services, whoami
from tests.runs import converged

URL = "redis://debug:only-for-the-tests-debug@broker1:6379/3"
VIRTUALENV = "/home/debug/made"
VARIABLES = {"celery_debug": {
    "app": "meta_edc.celery.debug:app",
    "directory": "/home/debug/edc",
    "virtualenv": VIRTUALENV,
    "packages": ["celery[redis]", "django"],
    "environment": {"CELERY_BROKER_URL": URL, "CELERY_RESULT_BACKEND": URL},
}}


def worker() -> Service:
    """Return the worker of debug."""
    (found,) = (service for service in services("app1") if service.environment == "debug")
    return found


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the host uv or not; put everything back afterwards."""
    if request.param == "uv":
        on_host("app1", "cp", "/mnt/uv", "/usr/local/bin/uv")
    yield request.param
    converged("--limit", "debug")
    on_host("app1", "rm", "--recursive", "--force", VIRTUALENV, "/usr/local/bin/uv")


def test_packages_are_installed_as_the_environments_user(installer: str) -> None:
    """The worker runs from what the user owns, compiled, made by what the host has; a second run changes nothing."""
    converged("--limit", "debug", "--check", variables=VARIABLES)
    assert on_host("app1", "find", "/home/debug", "-maxdepth", "1", "-name", "made") == ""
    converged("--limit", "debug", variables=VARIABLES)
    assert environ(worker())["CELERY_BIN"] == f"{VIRTUALENV}/bin/celery"
    assert whoami(worker(), "celery")[0]["user"] == "debug"
    assert on_host("app1", "find", VIRTUALENV, "-not", "-user", "debug") == ""
    made_by_uv = "uv =" in on_host("app1", "cat", f"{VIRTUALENV}/pyvenv.cfg")
    assert made_by_uv == (installer == "uv")
    assert on_host("app1", "find", VIRTUALENV, "-path", "*/celery/__pycache__/__init__.*.pyc")
    assert "changed=0" in converged("--limit", "debug", variables=VARIABLES)


def test_without_packages_the_virtual_environment_is_left_alone() -> None:
    """Not a file of it changes when the key is not set."""
    look = ("find", "/home/debug/edc/.venv", "-printf", "%p %u %m %s %T@\n")
    before = on_host("app1", *look)
    converged("--limit", "debug")
    assert on_host("app1", *look) == before
