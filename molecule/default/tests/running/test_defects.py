# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defects of hand-written set-ups, each absent here."""

from __future__ import annotations

import pytest

from tests import defects
from tests.fleet import again, service, services


def test_1_beat_starts_and_stays() -> None:
    """It was started once since boot, and ticks."""
    defects.assert_beat_stays(service("app1", "celery-live-beat"))


@pytest.mark.parametrize("name", ["w1", "w2"])
def test_3_each_node_returns_after_kill_9(name: str) -> None:
    """A node that is killed comes back and consumes; the other one is not touched."""
    other = service("app1", "celery-live-w2" if name == "w1" else "celery-live-w1")
    defects.assert_returns(service("app1", f"celery-live-{name}"), f"{name}@app1", "celery" if name == "w1" else "bulk")
    assert again(other) == other


def test_4_services_need_nothing_in_run() -> None:
    """This runs also after a boot."""
    defects.assert_nothing_needed_in_run([found for found in services("app1") if found.pid])


@pytest.mark.parametrize(
    "path", ["/etc/conf.d/celery-live-w1.conf", "/var/log/celery-live", "/var/lib/celery-live", "/home/live"]
)
def test_5_uat_reads_nothing_of_live(path: str) -> None:
    """Env files, logs, state and home of live are closed to uat, and open to live itself."""
    defects.assert_closed("app1", path, owner="live", other="uat")


def test_7_every_environment_has_regular_units() -> None:
    """debug has a unit like the others, and all names follow one rule."""
    names = {found.unit for found in services("app1")}
    assert {f"celery-{environment}-w1.service" for environment in ("live", "uat", "debug")} <= names


def test_8_the_schedule_is_not_in_the_code() -> None:
    """The code is the same as before beat ran."""
    defects.assert_schedule_beside_the_code(service("app1", "celery-live-beat"))


def test_9_no_environment_reads_the_file_of_another() -> None:
    """Each unit names its own environment file, no two the same."""
    files = {found.unit: defects.environment_file(found) for found in services("app1")}
    assert files == {unit: f"/etc/conf.d/{unit.removesuffix('.service')}.conf" for unit in files}
