# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive, _disk, _takeover
from ansible_collections.stalk.celery.plugins.module_utils._plan._adoption import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._calls import Call, Context
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import SetUp

from .conftest import Manager, Run

pytestmark = pytest.mark.programs

W1, W2, TARGET = "celery-live-w1.service", "celery-live-w2.service", "celery-live.target"
WATCH = "stalk-watch-live.service"
FIRST, SECOND, THIRD, FOURTH = (f"2026112{day}T093000Z" for day in range(4))
SECRET = "hunter2"

UNIT = """\
# Managed by stalk.celery: {environment}/worker/{name}.
[Service]
WorkingDirectory={directory}
EnvironmentFile={env_file}
"""


class Host:
    """An environment on a host: its files, and what a run would do to them."""

    def __init__(self, directory: Path, manager: Manager, run: Run) -> None:
        self.etc = directory / "etc"
        self.elsewhere = directory / "elsewhere"
        self.srv = directory / "srv"
        self.generations = directory / "generations"
        self.manager = manager
        self._run = run
        for path in (self.etc, self.elsewhere, self.srv):
            path.mkdir()

    def worker(self, name: str = "w1", value: str = SECRET, *, environment: str = "live", directory: str = "/") -> None:
        """Write the files of a worker."""
        unit = f"celery-{environment}-{name}.service"
        env_file = self.env_file(unit)
        marker = f"# Managed by stalk.celery: {environment}/worker/{name}.\n"
        env_file.write_text(f'{marker}PASSWORD="{value}"\n')
        env_file.chmod(0o640)
        text = UNIT.format(environment=environment, name=name, directory=directory, env_file=env_file)
        self.manager.file(unit, text)

    def env_file(self, unit: str) -> Path:
        return self.elsewhere / f"{unit}.conf"

    def release(self, name: str) -> Path:
        """Make a release, and lead the link ``current`` to it."""
        release = self.srv / "releases" / name
        release.mkdir(parents=True, exist_ok=True)
        current = self.srv / "current"
        current.unlink(missing_ok=True)
        current.symlink_to(Path("releases", name))
        return release

    def keep(self, run: str, **options: Any) -> dict[str, Any]:
        return self._run("generations", state="kept", **{"environments": ["live"], "run": run, **options})

    def restore(self, undo: str, **options: Any) -> dict[str, Any]:
        return self._run("generations", state="restored", **{"environments": ["live"], "undo": undo, **options})

    def listed(self, environment: str = "live") -> list[dict[str, Any]]:
        result = self._run("generation_info", environments=[environment])
        generations: list[dict[str, Any]] = result["generations"][environment]
        return generations

    def runs(self) -> list[str]:
        return [generation["run"] for generation in self.listed()]


@pytest.fixture
def host(tmp_path: Path, manager: Manager, run: Run, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path, manager, run)
    monkeypatch.setattr(_archive, "GENERATIONS", str(made.generations / "generations"))
    monkeypatch.setattr(_archive, "PLACES", (str(made.etc),))
    monkeypatch.setattr(_archive, "LIBRARY", str(tmp_path / "lib-{}"))
    return made


Starts = Callable[[Path], str]


@pytest.fixture
def process() -> Iterator[Starts]:
    """Start a process in a directory; returns its PID."""
    started = []

    def start(directory: Path) -> str:
        started.append(subprocess.Popen(["sleep", "600"], cwd=directory))
        return str(started[-1].pid)

    yield start
    for one in started:
        one.kill()
        one.wait()


def test_what_was_kept_comes_back(host: Host) -> None:
    """Content, mode, units and what has to go, wherever the environment file lies."""
    host.worker()
    host.manager.running(W1)
    assert host.keep(FIRST)["kept"] == ["live"]
    host.worker(value="other")
    host.env_file(W1).chmod(0o600)
    host.worker("w2")
    host.manager.running(W1, W2)
    result = host.restore(FIRST)
    assert f'PASSWORD="{SECRET}"' in host.env_file(W1).read_text()
    assert host.env_file(W1).stat().st_mode & 0o777 == 0o640
    assert (result["restored"], result["restart"]) == (["live"], [W1])
    assert result["changed_files"] == [str(host.env_file(W1))]
    assert result["units"] == [{"name": W1, "state": "started", "enabled": True}]
    assert sorted(result["orphans"]) == sorted([str(host.manager.unit_directory / W2), str(host.env_file(W2))])
    assert host.env_file(W2).exists()


def test_what_watches_the_services_comes_back_and_proves_nothing(host: Host) -> None:
    """It has neither a directory nor an environment file, and it runs though no service does."""
    text = "# Managed by stalk.celery: live/environment/watch.\n[Service]\n# version {}\n"
    host.worker()
    host.manager.file(WATCH, text.format(1))
    host.manager.running(WATCH)
    assert host.keep(FIRST)["kept"] == []
    host.manager.running(W1)
    assert host.keep(FIRST)["kept"] == ["live"]
    host.manager.file(WATCH, text.format(2))
    result = host.restore(FIRST)
    assert (result["restart"], result["changed_files"]) == ([WATCH], [str(host.manager.unit_directory / WATCH)])
    assert {"name": WATCH, "state": "started", "enabled": True} in result["units"]


def test_a_file_that_went_comes_back(host: Host) -> None:
    host.worker()
    host.worker("w2")
    host.manager.running(W1)
    host.manager.add(W2)
    host.keep(FIRST)
    for path in (host.manager.unit_directory / W2, host.env_file(W2)):
        path.unlink()
    result = host.restore(FIRST)
    assert result["units"][1] == {"name": W2, "state": "stopped", "enabled": False}
    assert (host.env_file(W2).exists(), result["restart"]) == (True, [])


def test_all_kinds_of_files_of_the_environment_and_no_other_are_kept(host: Host, tmp_path: Path) -> None:
    host.worker()
    host.worker(environment="uat")
    library = tmp_path / "lib-live" / "x.dist-info"
    library.mkdir(parents=True)
    texts = {host.etc / "celery-live": "live/environment/command", library / "METADATA": "live/environment/library"}
    foreign = {host.etc / "celery-uat": "uat/environment/command"}
    for path, marker in {**texts, **foreign}.items():
        path.write_text(f"# Managed by stalk.celery: {marker}.\n")
    (host.manager.unit_directory / TARGET).write_text("# Managed by stalk.celery: live/environment/target.\n")
    (host.etc / "mine").write_text("by hand\n")
    host.manager.running(W1, TARGET, "celery-uat-w1.service")
    host.keep(FIRST)
    for path in (*texts, *foreign, host.etc / "mine"):
        path.unlink()
    assert sorted(host.restore(FIRST)["changed_files"]) == sorted(map(str, texts))


def test_only_root_can_read_it_and_nothing_shows_it(host: Host, log: list[str]) -> None:
    host.worker()
    host.manager.running(W1)
    printed = host.keep(FIRST)["printed"]
    (kept,) = host.generations.rglob("*.json")
    assert SECRET in kept.read_text()
    assert [path.stat().st_mode & 0o777 for path in (kept, *kept.parents[:3])] == [0o600, 0o700, 0o700, 0o700]
    host.worker(value="an0ther")
    printed += host.restore(FIRST, check=True)["printed"]
    result = host.restore(FIRST)
    printed += result["printed"] + "".join(log)
    assert SECRET not in printed
    assert "an0ther" not in printed
    assert [diff["after"] for diff in result["diff"]] == ["PASSWORD=(hidden), changed\n"]


def test_a_second_time_nothing_is_kept_and_nothing_restored(host: Host) -> None:
    host.worker()
    host.manager.running(W1)
    host.keep(FIRST)
    host.worker(value="other")
    assert host.keep(FIRST)["changed"] is False
    assert host.restore(FIRST)["changed"] is True
    host.manager.running(W1, since=2**60)
    result = host.restore(FIRST)
    assert (result["changed"], result["restored"], result["restart"]) == (False, [], [])


@pytest.mark.parametrize(
    ("properties", "stamped"),
    [
        ({}, 2),
        ({"ActiveState": "activating", "ExecMainStartTimestampMonotonic": "9"}, 2),
        ({"ActiveState": "inactive"}, 0),
        ({"ActiveState": "failed"}, 0),
    ],
)
def test_what_did_not_run_with_its_files_is_not_kept(
    host: Host, stamps: Path, properties: dict[str, str], stamped: int
) -> None:
    """It is older than its files, does not come up with them, was never started, or gave up."""
    host.worker()
    host.manager.running(W1, since=1, **properties)
    if stamped:
        stamps.mkdir()
        (stamps / W1).write_text(str(stamped))
    assert host.keep(FIRST)["changed"] is False
    assert not host.generations.exists()


def test_a_worker_that_waits_for_the_broker_is_kept(host: Host, stamps: Path) -> None:
    """It was up once with these files."""
    host.worker()
    host.manager.running(W1, since=3, ActiveState="activating")
    stamps.mkdir()
    (stamps / W1).write_text("2")
    assert host.keep(FIRST)["kept"] == ["live"]


def test_a_new_environment_has_nothing_to_keep(host: Host) -> None:
    assert host.keep(FIRST)["changed"] is False
    assert host.runs() == []


def test_a_generation_that_is_like_the_newest_takes_its_place(host: Host) -> None:
    """A run that failed before it changed anything does not count."""
    host.worker()
    host.manager.running(W1)
    host.keep(FIRST)
    host.keep(SECOND)
    assert host.runs() == [SECOND]


def test_five_are_kept(host: Host) -> None:
    host.manager.running(W1)
    runs = [f"2026112{day}T093000Z" for day in range(7)]
    for run in runs:
        host.worker(value=run)
        host.keep(run)
    assert host.runs() == runs[:1:-1]


def test_the_one_to_go_back_to_is_not_thrown_away(host: Host) -> None:
    host.manager.running(W1)
    runs = [f"2026112{day}T093000Z" for day in range(6)]
    for run in runs[:5]:
        host.worker(value=run)
        host.keep(run)
    host.worker(value="now")
    host.keep(runs[5], undo=runs[0])
    assert host.restore(runs[0])["restored"] == ["live"]
    assert runs[0] in host.env_file(W1).read_text()


def test_a_run_whose_clock_is_behind_is_refused(host: Host) -> None:
    """It would be the older one, so that a rollback undid the other; and where five are kept, it would not be kept."""
    host.worker()
    host.manager.running(W1)
    host.keep(SECOND)
    host.worker(value="other")
    assert f"rename {host.generations}/generations/live/{SECOND}.json to when it was" in host.keep(FIRST)["msg"]
    assert host.runs() == [SECOND]


def test_a_run_that_changed_nothing_here_is_undone_by_what_came_after(host: Host) -> None:
    host.worker(value="old")
    host.manager.running(W1)
    host.keep(SECOND)
    host.worker(value="new")
    host.restore(FIRST)
    assert "old" in host.env_file(W1).read_text()
    assert host.restore(THIRD)["changed"] is False


def test_a_run_from_before_the_oldest_that_is_kept_is_refused(host: Host) -> None:
    """What was there before it may have been kept once."""
    host.manager.running(W1)
    runs = [f"2026112{day}T093000Z" for day in range(6)]
    for run in runs:
        host.worker(value=run)
        host.keep(run)
    assert f"live: the oldest run that this host can still undo is {runs[1]}." in host.restore(runs[0])["msg"]


def test_beat_that_is_to_start_is_named(host: Host) -> None:
    """It must not run on another host then, unless with the same marker. So it is if its own marker is another."""
    unit = host.manager.unit_directory / "celery-live-beat.service"
    marker = "live/beat/beat/redbeat.RedBeatScheduler"
    starting = [{"environment": "live", "unit": unit.name, "marker": marker}]
    host.worker()
    unit.write_text(f"# Managed by stalk.celery: {marker}.\n")
    host.manager.running(W1, unit.name)
    host.keep(FIRST)
    unit.write_text(f"# Managed by stalk.celery: {marker}.\n# another configuration\n")
    assert host.restore(FIRST, check=True)["restart"] == [unit.name]
    assert host.restore(FIRST, check=True)["beats"] == []
    host.manager.add(unit.name, ActiveState="failed", UnitFileState="enabled")
    assert host.restore(FIRST, check=True)["beats"] == starting
    host.manager.running(unit.name)
    unit.write_text("# Managed by stalk.celery: live/beat/beat/app1.\n")
    assert host.restore(FIRST, check=True)["beats"] == starting
    unit.unlink()
    host.manager.add(unit.name)
    assert host.restore(FIRST)["beats"] == starting
    assert host.restore(FIRST)["changed"] is True


def test_a_rollback_can_be_undone(host: Host) -> None:
    host.worker(value="old")
    host.manager.running(W1)
    host.keep(FIRST)
    host.worker(value="new")
    assert host.keep(SECOND, undo=FIRST)["kept"] == ["live"]
    host.restore(FIRST)
    host.restore(SECOND)
    assert "new" in host.env_file(W1).read_text()


def test_the_list_says_what_differs_and_what_was_not_finished(host: Host, stamps: Path) -> None:
    host.worker(value="old")
    host.manager.running(W1)
    host.keep(FIRST)
    host.worker(value="new")
    host.keep(SECOND, undo=FIRST)
    second, first = host.listed()
    assert first == {"run": FIRST, "release": "", "undoes": "", "differs": True, "unfinished": False}
    assert second == {"run": SECOND, "release": "", "undoes": FIRST, "differs": False, "unfinished": True}
    host.restore(FIRST)
    assert host.listed()[0]["unfinished"] is True
    host.manager.running(W1, since=2**60)
    assert [(one["differs"], one["unfinished"]) for one in host.listed()] == [(True, False), (False, False)]
    host.manager.add(W1, UnitFileState="enabled")
    assert host.listed()[0]["unfinished"] is False, "stopped by hand"
    host.manager.add(W1)
    assert host.listed()[0]["unfinished"] is True, "neither enabled nor started yet"


@pytest.mark.parametrize(("enabled", "state"), [("enabled", "started"), ("disabled", "stopped")])
def test_what_failed_when_it_was_stopped_is_not_started(host: Host, enabled: str, state: str) -> None:
    """Its tasks outlived the stop. What is enabled crashed."""
    host.worker()
    host.worker("w2")
    host.manager.running(W1)
    host.manager.add(W2, ActiveState="failed", Result="timeout", UnitFileState=enabled)
    host.keep(FIRST)
    host.worker("w2", value="new")
    assert host.restore(FIRST)["units"][1] == {"name": W2, "state": state, "enabled": enabled == "enabled"}


def test_they_are_among_the_facts(run: Run, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for number in (FIRST, SECOND):
        host.worker(value=number)
        host.manager.running(W1)
        host.keep(number)
    facts = run("service_facts")["ansible_facts"]["stalk_celery"]
    assert facts["generations"] == {"live": [{"run": SECOND, "release": ""}, {"run": FIRST, "release": ""}]}


def test_where_there_is_nothing_to_restore_nothing_is_kept(host: Host) -> None:
    host.worker()
    host.manager.running(W1)
    assert host.keep(SECOND, undo=FIRST)["changed"] is False


def test_what_is_to_be_undone_is_kept_even_if_it_does_not_run(host: Host) -> None:
    host.worker(value="old")
    host.manager.running(W1)
    host.keep(FIRST)
    host.worker(value="broken")
    host.manager.add(W1, ActiveState="failed", UnitFileState="enabled")
    host.keep(SECOND, undo=FIRST)
    assert host.restore(SECOND)["units"] == [{"name": W1, "state": "started", "enabled": True}]


def test_a_restore_that_died_is_finished_by_the_next(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.worker(value="old")
    host.worker("w2", value="old")
    host.manager.running(W1, W2)
    host.keep(FIRST)
    host.worker(value="new")
    host.worker("w2", value="new")
    replace, written = _disk.replace, []

    def die(path: str, *arguments: Any) -> None:
        if path.endswith(".conf"):
            written.append(path)
            if len(written) == 2:
                raise OSError(errno.EIO, "died")
        replace(path, *arguments)

    monkeypatch.setattr(_disk, "replace", die)
    assert host.restore(FIRST)["failed"] is True
    monkeypatch.setattr(_disk, "replace", replace)
    result = host.restore(FIRST)
    assert (result["restart"], len(result["changed_files"])) == ([W1, W2], 1)


def test_a_full_disk(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.worker()
    host.manager.running(W1)

    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    message = host.keep(FIRST)["msg"]
    assert f"what live runs cannot be kept in {host.generations}/generations: No space left on device." in message
    assert "Make room there, and run this again." in message
    assert list(host.generations.rglob("*.*")) == []


def test_a_foreign_file_stops_everything_before_the_first_change(host: Host) -> None:
    host.worker(value="old")
    host.worker("w2", value="old")
    host.manager.running(W1, W2)
    host.keep(FIRST)
    host.worker(value="new")
    host.env_file(W2).write_text("by hand\n")
    assert f"live: {host.env_file(W2)} exists and was not written by stalk.celery" in host.restore(FIRST)["msg"]
    assert "new" in host.env_file(W1).read_text()


def test_check_mode_changes_nothing_and_predicts(host: Host) -> None:
    host.worker(value="old")
    host.manager.running(W1)
    assert host.keep(FIRST, check=True)["kept"] == ["live"]
    assert not host.generations.exists()
    host.keep(FIRST)
    host.worker(value="new")
    predicted = host.restore(FIRST, check=True)
    assert "new" in host.env_file(W1).read_text()
    done = host.restore(FIRST)
    for key in ("changed", "restored", "changed_files", "restart", "orphans", "units", "diff"):
        assert predicted[key] == done[key]


@pytest.mark.parametrize("below", ["", "/src"])
@pytest.mark.parametrize("absolute", [False, True])
def test_the_release_comes_back(host: Host, process: Starts, below: str, absolute: bool) -> None:
    """What is kept is the release that runs, not the one that is there by now; the link stays as relative as it was."""
    current = host.srv / "current"
    for name in ("1", "2"):
        (host.release(name) / "src").mkdir()
    if absolute:
        current.unlink()
        current.symlink_to(host.srv / "releases/2")
    old = host.srv / "releases/1"
    host.worker(directory=f"{current}{below}")
    host.manager.running(W1, MainPID=process(Path(f"{old}{below}")))
    assert host.keep(FIRST, deployed=True)["kept"] == ["live"]
    host.manager.running(W1, MainPID=process(Path(f"{current}{below}")))
    assert host.keep(SECOND, deployed=True)["kept"] == []
    assert host.listed()[0]["release"] == str(old)
    result = host.restore(FIRST)
    assert str(current.readlink()) == (str(old) if absolute else "releases/1")
    assert (result["changed_files"], result["restart"]) == ([str(current)], [W1])
    assert host.listed()[0]["differs"] is True
    host.manager.running(W1, since=2**60, MainPID=process(Path(f"{old}{below}")))
    assert host.listed()[0]["differs"] is False


def test_a_release_that_is_gone_stops_everything_before_the_first_change(host: Host, process: Starts) -> None:
    old = host.release("1")
    host.worker(value="old", directory=str(host.srv / "current"))
    host.manager.running(W1, MainPID=process(old))
    old.rmdir()
    host.release("2")
    host.keep(FIRST)
    host.worker(value="new", directory=str(host.srv / "current"))
    message = host.restore(FIRST)["msg"]
    assert f"live: the release {old} does not exist on this host any more; deploy it there again" in message
    assert "new" in host.env_file(W1).read_text()


def test_a_link_that_is_a_directory_now(host: Host, process: Starts) -> None:
    host.worker(directory=str(host.srv / "current"))
    host.manager.running(W1, MainPID=process(host.release("1")))
    host.keep(FIRST)
    (host.srv / "current").unlink()
    (host.srv / "current").mkdir()
    assert "is not a symbolic link any more" in host.restore(FIRST)["msg"]


def test_an_application_that_works_elsewhere_has_the_release_of_the_link(
    host: Host, process: Starts, tmp_path: Path
) -> None:
    release = host.release("1")
    host.worker(directory=str(host.srv / "current"))
    host.manager.running(W1, MainPID=process(tmp_path))
    assert host.keep(FIRST, deployed=True)["kept"] == []
    host.keep(FIRST)
    assert host.listed()[0]["release"] == str(release)


def test_absent_removes_the_generations_and_names_all_files(run: Run, host: Host) -> None:
    host.worker()
    host.worker(environment="uat")
    host.manager.running(W1)
    host.keep(FIRST)
    files = sorted([str(host.manager.unit_directory / W1), str(host.env_file(W1))])
    for check in (True, False):
        result = run("generations", state="absent", environments=["live"], check=check)
        assert (result["changed"], sorted(result["orphans"])) == (True, files)
    assert list(host.generations.rglob("*.json")) == []
    assert run("generations", state="absent", environments=["live"])["changed"] is False


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 1, "files": [], "units": [{}]}'])
def test_a_file_that_holds_no_generation(host: Host, text: str) -> None:
    directory = host.generations / "generations/live"
    directory.mkdir(parents=True)
    (directory / f"{FIRST}.json").write_text(text)
    assert f"{FIRST}.json does not hold a generation; remove it." in host.keep(SECOND)["msg"]


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("{}", "an older version of stalk.celery (format 0,"),
        ('{"format": 2}', "a newer version of stalk.celery (format 2,"),
    ],
)
def test_a_generation_of_another_format_is_told_as_such(host: Host, text: str, whose: str) -> None:
    directory = host.generations / "generations/live"
    directory.mkdir(parents=True)
    (directory / f"{FIRST}.json").write_text(text)
    assert f"{FIRST}.json was kept by {whose} this one reads 1)" in host.keep(SECOND)["msg"]


@pytest.mark.parametrize("options", [{"environments": ["../live"]}, {"run": "today"}, {"undo": "../x"}])
def test_names_that_are_none(run: Run, host: Host, options: dict[str, Any]) -> None:
    arguments = {"state": "kept", "environments": ["live"], "run": FIRST, **options}
    assert "write for example" in run("generations", **arguments)["msg"]


class Theirs:
    """A foreign service: its file, and whether it runs."""

    def __init__(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = host.elsewhere / "celery.service"
        self.file.write_text("[Service]\n")
        self._host = host
        self._monkeypatch = monkeypatch

    def run(self, *, goes: bool = True) -> None:
        """Let it run and start at boot, or do neither."""
        words = ("celery", "worker")
        setup = SetUp("systemd", "celery.service", str(self.file), "", words)
        process = Process(11, 1, 0, words, "/", "", {})
        found = Service(setup, Call("worker", words[:1], (), Context()), (process,))
        self._monkeypatch.setattr(_takeover, "services", lambda: [found] if goes else [])
        self._host.manager.add("celery.service", UnitFileState="enabled" if goes else "disabled")

    @property
    def option(self) -> dict[str, Any]:
        texts = dict.fromkeys(("schedule", "user", "own_schedule", "own_user", "own_group"), "")
        lists: dict[str, list[str]] = {"kinds": ["worker"], "control": [], "nodes": ["celery@app1"], "queues": []}
        names = {"environment": "live", "manager": "systemd", "name": "celery.service", "handle": "celery.service"}
        return {**texts, **lists, **names, "is_serial": False, "is_enabled": True, "paths": [str(self.file)]}


@pytest.fixture
def theirs(host: Host, monkeypatch: pytest.MonkeyPatch) -> Theirs:
    """Return a foreign service that runs."""
    made = Theirs(host, monkeypatch)
    made.run()
    return made


def test_what_is_taken_over_is_kept_with_its_files_and_comes_back(host: Host, theirs: Theirs) -> None:
    """Though the environment had nothing of this collection before; a file that is gone is there again."""
    assert host.keep(FIRST, taken=[theirs.option])["kept"] == ["live"]
    theirs.run(goes=False)
    theirs.file.unlink()
    host.worker()
    host.manager.running(W1)
    assert host.listed()[0]["differs"]
    result = host.restore(FIRST)
    assert (result["restored"], result["taken"]) == (["live"], [theirs.option])
    assert str(host.manager.unit_directory / W1) in result["orphans"]
    assert theirs.file.read_text() == "[Service]\n"


def test_a_run_that_goes_on_with_a_takeover_leaves_the_way_back_as_it_is(host: Host, theirs: Theirs) -> None:
    """What there is in between is worth nothing."""
    assert host.keep(FIRST, taken=[theirs.option])["kept"] == ["live"]
    host.worker()
    host.manager.running(W1)
    assert host.keep(SECOND, taken=[theirs.option])["kept"] == []
    _archive.end_takeover("live")
    assert host.keep(THIRD)["kept"] == ["live"]
    assert host.runs() == [THIRD, FIRST]


def test_nothing_of_ours_starts_beside_what_was_brought_back(host: Host, theirs: Theirs) -> None:
    """A rollback of the rollback says how it is taken over again."""
    host.keep(FIRST, taken=[theirs.option])
    _archive.end_takeover("live")
    theirs.run(goes=False)
    host.worker()
    host.manager.running(W1)
    assert host.keep(SECOND, undo=FIRST)["kept"] == ["live"]
    host.restore(FIRST)
    theirs.run()
    (host.manager.unit_directory / W1).unlink()
    host.manager.add(W1)
    message = host.restore(SECOND)["msg"]
    assert message == "live: celery.service runs again; take it over with site.yml -e celery_adopt_takeover=true."
    assert not (host.manager.unit_directory / W1).exists()


def test_a_takeover_that_was_undone_does_not_go_on_by_itself(host: Host, theirs: Theirs, run: Run) -> None:
    """It may be undone half-way, while their service still runs."""
    host.keep(FIRST, taken=[theirs.option])
    host.worker()
    host.manager.running(W1)
    assert _archive.unfinished("live")
    taken = host.restore(FIRST)["taken"]
    assert run("takeover", state="returned", services=taken, check=True)["started"] == []
    assert _archive.unfinished("live")
    assert run("takeover", state="returned", services=taken)["started"] == []
    assert _archive.unfinished("live") == []
