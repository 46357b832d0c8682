# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a purge takes, what it leaves, and what it refuses to end unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive, _leftovers, _processes
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import Nss
from ansible_collections.stalk.celery.plugins.module_utils._host._processes import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._accounts import User

from .conftest import Manager, Run

UAT = User("uat", 996, 996, "/home/uat", "Celery environment uat", "/bin/bash")
LIVE = User("live", 997, 997, "/home/live", "Celery environment live", "/usr/sbin/nologin")
SLEEP = Process(812, "sleep 600", "cron.service")


class Host:
    """A host with two environments, below a directory, and programs that note how they are called."""

    def __init__(self, directory: Path) -> None:
        self.root = directory
        for name in ("uat", "live"):
            for place in ("lib", "log", "data"):
                (directory / place / f"celery-{name}" / "deep").mkdir(parents=True)
        (directory / "shadow").write_text("root:*:1\nuat:$y$x:1:\nlive:!*:1:\n")
        (directory / "cron").mkdir()
        (directory / "cron/uat").write_text("* * * * * true\n")
        (directory / "cron/joe").write_text("* * * * * true\n")
        (directory / "bin").mkdir()
        for program in ("usermod", "crontab"):
            (directory / "bin" / program).write_text(f'#!/bin/sh\necho {program} "$@" >> {directory}/called\n')
            (directory / "bin" / program).chmod(0o755)

    @property
    def called(self) -> list[str]:
        path = self.root / "called"
        return path.read_text().splitlines() if path.exists() else []

    def there(self, name: str) -> list[str]:
        """Return which directories of an environment there are."""
        return sorted(path.parent.name for path in self.root.glob(f"*/celery-{name}"))


@pytest.fixture
def host(tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(_leftovers, "CRONTABS", (str(host.root / "cron"),))
    monkeypatch.setattr(_leftovers, "AT_JOBS", ())
    monkeypatch.setattr(_leftovers, "LINGER", str(host.root / "linger"))
    monkeypatch.setattr(_leftovers, "_SHADOW", str(host.root / "shadow"))
    monkeypatch.setattr(_leftovers, "_LIBRARY", f"{host.root}/lib/celery-{{}}")
    monkeypatch.setattr(_leftovers, "_DATA", (f"{host.root}/log/celery-{{}}", f"{host.root}/data/celery-{{}}"))
    monkeypatch.setattr(_archive, "exists", lambda _name: False)
    monkeypatch.setattr(_archive, "own_files", lambda _name: [])
    monkeypatch.setattr(Nss, "local", lambda _self: [User("root", 0, 0, "/root"), UAT, LIVE])
    monkeypatch.setenv("PATH", f"{host.root}/bin", prepend=":")
    runs(monkeypatch)
    return host


def runs(monkeypatch: pytest.MonkeyPatch, *processes: Process) -> None:
    """Let these run as any user, until they are ended."""
    left = list(processes)

    def end(*_arguments: Any) -> list[Process]:
        left.clear()
        return []

    monkeypatch.setattr(_processes, "of_user", lambda _uid: list(left))
    monkeypatch.setattr(_processes, "end", end)


def test_a_removal_keeps_data_and_user(run: Run, host: Host) -> None:
    result = run("purge", environments=["uat"])
    assert result["removed"] == [f"{host.root}/lib/celery-uat"]
    assert host.there("uat") == ["data", "log"]
    assert host.called == []


def test_a_purge_keeps_the_user_and_its_number_and_nothing_else(run: Run, host: Host) -> None:
    result = run("purge", environments=["uat"], purge=True)
    assert (result["changed"], result["locked"]) == (True, ["uat"])
    assert host.called[0].startswith("usermod --lock --shell ")
    assert host.called[0].endswith(" uat")
    assert host.called[1:] == ["crontab -u uat -r"]
    assert host.there("uat") == []
    assert host.there("live") == ["data", "lib", "log"]


def test_check_mode_shows_it_and_does_nothing(run: Run, host: Host) -> None:
    result = run("purge", check=True, environments=["uat"], purge=True)
    shown = [entry["after_header"] for entry in result["diff"]]
    assert result["changed"]
    paths = ["cron/uat", "lib/celery-uat", "log/celery-uat", "data/celery-uat"]
    assert shown == [*(f"{host.root}/{path}" for path in paths), "user uat"]
    assert (host.there("uat"), host.called) == (["data", "lib", "log"], [])


def test_what_still_runs_is_named_and_ended_only_by_force(
    run: Run, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, SLEEP)
    expected = "uat: the user uat still runs 812 (sleep 600, started by cron.service). End them, or say"
    assert run("purge", check=True, environments=["uat"], purge=True)["problems"][0].startswith(expected)
    assert run("purge", environments=["uat"], purge=True)["msg"].startswith(expected)
    assert (host.there("uat"), host.called) == (["data", "lib", "log"], [])
    assert run("purge", environments=["uat"], purge=True, force=True)["ended"] == [str(SLEEP)]
    assert host.there("uat") == []


def test_what_is_stopped_anyway_and_a_broker_of_its_own_do_not_count(
    run: Run, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = ("celery-uat-w1.service", "redis-celery-uat.service")
    runs(monkeypatch, *(Process(number, "x", unit) for number, unit in enumerate(units, 1)))
    result = run("purge", check=True, environments=["uat"], purge=True, leaving=[units[0]])
    assert (result["problems"], result["ended"]) == ([], [])


def test_a_user_of_another_environment_stays_as_it_is(run: Run, host: Host) -> None:
    result = run("purge", environments=["uat"], purge=True, in_use=["uat"])
    assert (result["locked"], host.called) == ([], [])


def test_a_user_that_is_locked_is_left_alone(run: Run, host: Host) -> None:
    run("purge", environments=["live"], purge=True)
    assert host.called == []
    assert not run("purge", environments=["live"], purge=True)["changed"]


def test_what_is_not_the_collections_is_not_touched(run: Run, host: Host) -> None:
    """Nothing on the host says that there ever was such an environment, though there is a directory of its name."""
    for place in ("lib", "log", "data"):
        (host.root / place / "celery-tools").mkdir()
    result = run("purge", environments=["tools"], purge=True, force=True)
    assert (result["changed"], result["environments"]) == (False, [])
    assert host.there("tools") == ["data", "lib", "log"]


@pytest.mark.parametrize("name", ["../../etc", "broker", "", "a/b", "-x", "live\n"])
def test_names_that_are_no_environment(run: Run, host: Host, name: str) -> None:
    assert "is not an environment" in run("purge", environments=[name], purge=True)["msg"]


def test_links_are_removed_and_not_followed(run: Run, host: Host, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others/file").write_text("")
    (host.root / "data/celery-uat/deep/link").symlink_to(tmp_path / "others")
    (host.root / "log/celery-uat/deep").rmdir()
    (host.root / "log/celery-uat").rmdir()
    (host.root / "log/celery-uat").symlink_to(tmp_path / "others")
    run("purge", environments=["uat"], purge=True)
    assert host.there("uat") == []
    assert (tmp_path / "others/file").exists()
