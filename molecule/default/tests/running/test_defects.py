# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defects of hand-written set-ups, each absent here."""
from __future__ import annotations

import time

import pytest

from tests.fleet import again, denied, on_host, service, services, ticks, wait_for_new_process, whoami


def test_1_beat_starts_and_stays() -> None:
    """Beat runs with current Celery: it was started once since boot, and its ticks are run."""
    beat = service("app1", "celery-live-beat")
    restarts = on_host("app1", "systemctl", "show", "--property=NRestarts", "--value", beat.unit).strip()
    assert (beat.state, restarts) == ("active (running)", "0")
    before = ticks(service("app1", "celery-live-w1"))
    time.sleep(3)
    assert ticks(service("app1", "celery-live-w1")) > before


@pytest.mark.parametrize("name", ["w1", "w2"])
def test_3_each_node_returns_after_kill_9(name: str) -> None:
    """A node that is killed comes back and consumes; the other one is not touched."""
    killed = service("app1", f"celery-live-{name}")
    other = service("app1", "celery-live-w2" if name == "w1" else "celery-live-w1")
    on_host("app1", "kill", "-9", str(killed.pid))
    new = wait_for_new_process(killed)
    queue = "celery" if name == "w1" else "bulk"
    assert f"{name}@app1" in {report["node"] for report in whoami(new, queue, 8)}
    assert again(other) == other


def test_4_run_directories_are_there_after_a_boot() -> None:
    """The directories below /run are made by systemd at every start; nobody made one by hand."""
    for found in services("app1"):
        name = found.unit.removesuffix(".service")
        shown = on_host("app1", "stat", "--format=%U:%G %a", f"/run/{name}").strip()
        assert shown == f"{found.environment}:{found.environment} 750"
    assert on_host("app1", "stat", "--format=%a", "/run").strip() == "755"


@pytest.mark.parametrize(
    "path", ["/etc/conf.d/celery-live-w1.conf", "/var/log/celery-live", "/var/lib/celery-live", "/home/live"]
)
def test_5_uat_reads_nothing_of_live(path: str) -> None:
    """Env files, logs, state and home of live are closed to uat, and open to live itself."""
    look = "cat" if path.endswith(".conf") else "ls"
    assert denied("app1", look, path, user="uat")
    on_host("app1", look, path, user="live")


def test_7_every_environment_has_regular_units() -> None:
    """debug has a unit like the others, and all names follow one rule."""
    names = {found.unit for found in services("app1")}
    assert {f"celery-{environment}-w1.service" for environment in ("live", "uat", "debug")} <= names


def test_8_the_schedule_is_not_in_the_code() -> None:
    """Beat keeps its schedule in the environment's state directory, and writes nothing into the checkout."""
    assert "schedule" in on_host("app1", "ls", "/var/lib/celery-live")
    assert on_host("app1", "find", "/home/live/edc", "-name", "*schedule*", "-not", "-path", "*/.venv/*") == ""


def test_9_no_environment_reads_the_file_of_another() -> None:
    """Each unit names its own environment file, no two the same."""
    seen = set()
    for found in services("app1"):
        shown = on_host("app1", "systemctl", "show", "--property=EnvironmentFiles", "--value", found.unit).split()[0]
        assert shown == f"/etc/conf.d/{found.unit.removesuffix('.service')}.conf"
        seen.add(shown)
    assert len(seen) == len(services("app1"))
