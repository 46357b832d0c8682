# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defects of hand-written set-ups: each function fails where one is there."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fleet import Service, denied, on_host, ticks, wait_for_new_process, whoami_of
from tests.work import eventually


def assert_beat_stays(beat: Service) -> None:
    """Beat runs with current Celery: it was started once since boot, and its ticks are run."""
    restarts = on_host(beat.host, "systemctl", "show", "--property=NRestarts", "--value", beat.unit).strip()
    assert (beat.state, restarts) == ("active (running)", "0")
    before = ticks(beat)
    eventually("a tick", lambda: ticks(beat) > before, 20)


def assert_returns(killed: Service, node: str, queue: str) -> Service:
    """Assert that a node whose main process is killed comes back and consumes; return it as it is then."""
    on_host(killed.host, "kill", "-9", str(killed.pid))
    new = wait_for_new_process(killed)
    assert node in whoami_of(new, queue, [node])
    return new


def assert_nothing_needed_in_run(services: Sequence[Service]) -> None:
    """Services run without a directory in /run, which nobody but root can write and which is empty after a boot."""
    for found in services:
        assert found.state == "active (running)"
        assert on_host(found.host, "find", "/run", "-maxdepth", "1", "-user", found.user) == ""
        assert on_host(found.host, "stat", "--format=%a", "/run").strip() == "755"


def assert_closed(host: str, path: str, owner: str, other: str) -> None:
    """Assert that a file or directory is open to an environment's user and closed to another's."""
    look = "cat" if path.endswith(".conf") else "ls"
    assert denied(host, look, path, user=other)
    on_host(host, look, path, user=owner)


def assert_schedule_beside_the_code(beat: Service) -> None:
    """Beat keeps its schedule in the environment's state directory, and writes nothing into the checkout."""
    code = f"/home/{beat.environment}/edc"
    assert "schedule" in on_host(beat.host, "ls", f"/var/lib/celery-{beat.environment}")
    assert on_host(beat.host, "find", code, "-name", "*schedule*", "-not", "-path", "*/.venv/*") == ""


def environment_file(found: Service) -> str:
    """Return the environment file that a unit reads."""
    shown = on_host(found.host, "systemctl", "show", "--property=EnvironmentFiles", "--value", found.unit)
    return shown.split()[0]
