# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environment that the role makes when the environment has ``packages``, with pip and with uv."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.fleet import Service, environ, on_host, services, whoami
from tests.runs import converged, refused

UAT = "redis://uat:only-for-the-tests-uat@broker1:6379/2"
URL = "redis://debug:only-for-the-tests-debug@broker1:6379/3"


def variables(virtualenv: str) -> dict[str, Any]:
    """Return what makes the role make a virtual environment for debug."""
    return {
        "celery_debug": {
            "app": "meta_edc.celery.debug:app",
            "directory": "/home/debug/edc",
            "virtualenv": virtualenv,
            "packages": ["celery[redis]", "django"],
            "environment": {"CELERY_BROKER_URL": URL, "CELERY_RESULT_BACKEND": URL},
        }
    }


def worker() -> Service:
    """Return the worker of debug."""
    (found,) = (service for service in services("app1") if service.environment == "debug")
    return found


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the host uv or not."""
    if request.param == "uv":
        on_host("app1", "cp", "/mnt/uv", "/usr/local/bin/uv")
    yield request.param
    on_host("app1", "rm", "--force", "/usr/local/bin/uv")


def test_packages_are_installed_as_the_environments_user(installer: str) -> None:
    """The worker runs from what the user owns, compiled, made by what the host has; a second run changes nothing."""
    name = f"made-by-{installer}"
    virtualenv = f"/home/debug/{name}"
    run = partial(converged, "--limit", "debug", variables=variables(virtualenv))
    run("--check")
    assert on_host("app1", "find", "/home/debug", "-maxdepth", "1", "-name", name) == ""
    run()
    assert environ(worker())["CELERY_BIN"] == f"{virtualenv}/bin/celery"
    assert whoami(worker(), "celery")[0]["user"] == "debug"
    assert on_host("app1", "find", virtualenv, "-not", "-user", "debug") == ""
    made_by_uv = "uv =" in on_host("app1", "cat", f"{virtualenv}/pyvenv.cfg")
    assert made_by_uv == (installer == "uv")
    assert on_host("app1", "find", virtualenv, "-path", "*/celery/__pycache__/__init__.*.pyc")
    assert "changed=0" in run()


def test_an_environment_whose_packages_cannot_be_installed_holds_up_no_other() -> None:
    """It is left as it was and named at the end, when all others are converged."""
    before = worker()
    uat: dict[str, Any] = {
        "app": "meta_edc.celery.uat:app",
        "directory": "/home/uat/edc",
        "virtualenv": "/home/uat/edc/.venv",
        "log_level": "DEBUG",
        "environment": {"CELERY_BROKER_URL": UAT, "CELERY_RESULT_BACKEND": UAT},
        "beat": {"host": "app1"},
    }
    broken = variables("/home/debug/broken")
    broken["celery_debug"]["packages"] = ["stalk-celery-does-not-exist==1.0"]
    output = refused("--limit", "debug,uat", variables={**broken, "celery_uat": uat})
    assert "celery_debug.packages: installing into /home/debug/broken ended with 1." in output
    assert "No matching distribution found for stalk-celery-does-not-exist==1.0" in output
    assert worker() == before
    assert "DEBUG" in on_host("app1", "cat", "/etc/conf.d/celery-uat-w1.conf")
    converged("--limit", "uat")


def test_without_packages_the_virtual_environment_is_left_alone() -> None:
    """Not a file of it changes when the key is not set, and the worker goes back to it."""
    virtualenv = "/home/debug/edc/.venv"
    look = ("find", virtualenv, "-printf", "%p %u %m %s %T@\n")
    before = on_host("app1", *look)
    converged("--limit", "debug")
    assert on_host("app1", *look) == before
    assert environ(worker())["CELERY_BIN"] == f"{virtualenv}/bin/celery"
