# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has already, and what a user of an environment puts in the way, stays as it is."""

from __future__ import annotations

import grp
import os
import pwd
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _apart, _archive, _paths, _stale, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._plan import _log_rotation

from .conftest import Manager, Run

UAT, NOBODY = 23456, 65534
RUN = "20261120T093000Z"
MARK = "# Managed by stalk.celery: uat/worker/w1.\n"
UNIT = "celery-uat-w1.service"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home/uat"
    directory.mkdir(parents=True)
    os.chown(directory, UAT, UAT)
    return directory


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: Manager) -> Path:
    """Return a unit directory of the system, beside that of the administrator."""
    directory = tmp_path / "usr/lib/systemd/system"
    directory.mkdir(parents=True)
    monkeypatch.setattr(_systemctl, "UNIT_DIRECTORIES", (str(manager.unit_directory), str(directory)))
    return directory


def unit_file(manager: Manager, name: str = UNIT) -> dict[str, Any]:
    return {"path": str(manager.unit_directory / name), "content": MARK, "unit": name}


def refusal(run: Run, file: dict[str, Any]) -> str:
    """Return why preflight refuses a file; the module that writes says the same."""
    (problem,) = run("look", files=[file])["problems"]
    assert run("files", files=[file])["msg"] == problem
    assert not Path(file["path"]).exists()
    return str(problem)


@pytest.mark.parametrize("name", ["systemd-logind.service", "ssh.service", "celery-uat.target"])
@pytest.mark.parametrize("kind", ["file", "link", "drop-ins"])
def test_a_unit_that_another_directory_has_is_refused(
    run: Run, manager: Manager, system: Path, name: str, kind: str
) -> None:
    """Also one of which a package has drop-ins only, and one that is another name, as dbus.service is."""
    entry = system / (f"{name}.d" if kind == "drop-ins" else name)
    {"file": entry.touch, "link": lambda: entry.symlink_to("other.service"), "drop-ins": entry.mkdir}[kind]()
    message = refusal(run, unit_file(manager, name))
    assert message.startswith(f"{name} is a unit of this host already: {entry}; give the service another name")


def test_a_unit_of_the_system_is_refused_though_an_earlier_run_overrode_it(
    run: Run, manager: Manager, system: Path
) -> None:
    (system / UNIT).touch()
    manager.file(UNIT, MARK)
    (problem,) = run("look", files=[unit_file(manager)])["problems"]
    assert "is a unit of this host already" in problem


def test_a_masked_unit_is_told_as_such(run: Run, manager: Manager, system: Path) -> None:
    (system / UNIT).symlink_to("/dev/null")
    assert run("look", files=[unit_file(manager)])["problems"] == []


def test_another_name_of_a_unit_is_refused(run: Run, manager: Manager) -> None:
    manager.add("dbus.service", Id="dbus-broker.service")
    assert "dbus.service is another name of dbus-broker.service" in refusal(run, unit_file(manager, "dbus.service"))


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", "reloading"])
def test_a_unit_that_runs_though_its_file_is_gone_is_not_swept_away(run: Run, manager: Manager, state: str) -> None:
    manager.running(UNIT, ActiveState=state)
    message = refusal(run, unit_file(manager))
    assert message.startswith(f"{UNIT} is {state} and was not written by stalk.celery: stop it first through its own")
    assert f"'systemctl stop {UNIT}'" in message


def test_the_file_of_a_foreign_unit_that_runs_is_moved_away_only_when_it_is_stopped(run: Run, manager: Manager) -> None:
    path = manager.file(UNIT, "[Service]\n")
    manager.running(UNIT, FragmentPath=path)
    (problem,) = run("look", files=[unit_file(manager)])["problems"]
    assert "stop it first" in problem
    assert problem.index("systemctl stop") < problem.index(f"then move {path} away")
    manager.add(UNIT)
    (problem,) = run("look", files=[unit_file(manager)])["problems"]
    assert f"{path} exists and was not written by stalk.celery" in problem


def test_our_own_unit_that_runs_is_no_obstacle(run: Run, manager: Manager) -> None:
    manager.file(UNIT, MARK)
    manager.running(UNIT)
    assert run("look", files=[unit_file(manager)])["problems"] == []


def test_an_environment_file_in_a_directory_of_a_user_is_refused(run: Run, manager: Manager, home: Path) -> None:
    (home / "conf").symlink_to("/etc/systemd/system")
    for path in (home / "w1.conf", home / "conf/w1.conf", home / "absent/w1.conf"):
        file = {"path": str(path), "content": MARK}
        message = refusal(run, file)
        assert f"{path} is not safe from others than root" in message
        assert f"{home} belongs to {UAT}:{UAT} 0755" in message
        assert "for example below /etc/conf.d" in message


def test_a_file_that_is_to_be_a_users_may_lie_in_a_directory_of_that_user(
    run: Run, manager: Manager, tmp_path: Path
) -> None:
    """As the configuration of RabbitMQ, whose package gives /etc/rabbitmq to it; nobody else's file may."""
    rabbit = pwd.getpwnam("nobody")
    names = {"owner": rabbit.pw_name, "group": grp.getgrgid(rabbit.pw_gid).gr_name}
    directory = tmp_path / "rabbitmq"
    directory.mkdir()
    os.chown(directory, rabbit.pw_uid, rabbit.pw_gid)
    file = {"path": str(directory / "conf.d/own.conf"), "content": MARK, **names}
    first = run("files", files=[file])
    assert first.get("changed") is True, first["printed"]
    assert (directory / "conf.d/own.conf").owner() == rabbit.pw_name
    assert run("files", files=[file])["changed"] is False
    others = run("files", files=[{**file, "path": str(directory / "other"), "owner": "root", "group": "root"}])
    assert "is not safe from others than root" in others["msg"]


def test_a_user_does_not_get_its_own_files_into_a_generation(
    run: Run, manager: Manager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_archive, "GENERATIONS", str(tmp_path / "generations/generations"))
    monkeypatch.setattr(_archive, "PLACES", ())
    (home / "w1.conf").write_text(MARK)
    (home / "systemd-tmpfiles-clean.service").write_text("# Managed by stalk.celery: uat/environment/x.\n")
    forged = manager.unit_directory / "forged.service"
    forged.write_text(MARK)
    os.chown(forged, UAT, UAT)
    manager.file(UNIT, f"{MARK}[Service]\nEnvironmentFile={home}/w1.conf\n")
    assert [file.path for file in _archive.own_files("uat")] == [str(manager.unit_directory / UNIT)]


@pytest.mark.parametrize("what", ["another environment", "a file of a user", "a directory of a user", "a swapped one"])
def test_nothing_but_files_of_the_environment_is_removed(run: Run, manager: Manager, home: Path, what: str) -> None:
    path = manager.unit_directory / "celery-live-w1.service"
    path.write_text(MARK.replace("uat", "live") if what == "another environment" else MARK)
    orphan = path
    if what == "a file of a user":
        os.chown(path, UAT, UAT)
    elif what == "a directory of a user":
        orphan = home / "w1.conf"
        orphan.write_text(MARK)
    elif what == "a swapped one":
        (home / "conf").symlink_to(manager.unit_directory)
        orphan = home / "conf" / path.name
    result = run("units", orphans=[str(orphan)], marker_prefixes=["uat/"])
    assert ("is not removed" in result.get("msg", "")) or result["removed"] == []
    assert path.exists()


def test_a_log_directory_is_not_made_through_a_link_of_a_user(
    run: Run, manager: Manager, tmp_path: Path, home: Path
) -> None:
    """And what exists behind it keeps its owner and mode."""
    victim = tmp_path / "var"
    (victim / "log").mkdir(parents=True)
    (home / "var").symlink_to(victim)
    wanted = {"path": str(home / "var/log"), "owner": "nobody", "group": "root", "mode": "0750"}
    missing = {**wanted, "path": str(home / "var/log/deeper")}
    for directory in (wanted, missing):
        (problem,) = run("look", directories=[{**directory, "setting": "celery_uat.log_file"}])["problems"]
        assert "celery_uat.log_file is in" in problem
        assert f"{home / 'var'}: it is a symbolic link, which is not followed" in problem
    run("files", directories=[wanted])
    assert "is not followed" in run("files", directories=[missing])["msg"]
    assert (victim / "log").stat().st_uid == 0
    assert (victim / "log").stat().st_mode & 0o7777 == 0o755
    assert not (victim / "log/deeper").exists()


@pytest.mark.parametrize(
    ("owner", "mode", "reason"),
    [
        (0, 0o755, "where nobody cannot write"),
        (UAT, 0o750, "where nobody cannot write"),
        (0, 0o1777, "which everybody can write to"),
        (NOBODY, 0o755, None),
        (NOBODY, 0o700, None),
    ],
)
def test_log_files_in_a_directory_that_exists(
    run: Run, manager: Manager, tmp_path: Path, owner: int, mode: int, reason: str | None
) -> None:
    """That of the system or of another environment is refused, one that the user can write stays as it is."""
    directory = tmp_path / "log"
    directory.mkdir()
    directory.chmod(mode)
    os.chown(directory, owner, owner)
    wanted = {"path": str(directory), "owner": "nobody", "group": "nogroup", "mode": "0750"}
    told = {**wanted, "setting": "celery_uat.log_file", "instead": "/var/log/celery-uat/%n.log"}
    problems = run("look", directories=[told])["problems"]
    assert bool(problems) is (reason is not None)
    for problem in problems:
        assert problem.startswith(f"celery_uat.log_file is in {directory}, {reason} ({directory} belongs to ")
        assert f"{mode:04o}" in problem
        assert "write /var/log/celery-uat/%n.log" in problem
    assert run("files", directories=[wanted])["changed"] is False
    assert (directory.stat().st_uid, directory.stat().st_mode & 0o7777) == (owner, mode)


def test_a_log_directory_below_somebody_elses_is_refused_and_below_roots_is_made(
    run: Run, manager: Manager, tmp_path: Path, home: Path
) -> None:
    wanted = {"owner": "nobody", "group": "nogroup", "mode": "0750"}
    (problem,) = run("look", directories=[{**wanted, "path": str(home / "logs")}])["problems"]
    assert f"which cannot be made for nobody ({home} belongs to {UAT}:{UAT} 0755)" in problem
    made = tmp_path / "srv/logs"
    assert run("look", directories=[{**wanted, "path": str(made)}])["problems"] == []
    run("files", directories=[{**wanted, "path": str(made)}])
    assert (made.parent.stat().st_uid, made.stat().st_uid, made.stat().st_mode & 0o7777) == (0, NOBODY, 0o750)


def test_a_log_file_that_somebody_else_rotates_already_is_refused(
    run: Run, manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_log_rotation, "DIRECTORY", str(tmp_path))
    (tmp_path / "celery").write_text("/var/log/celery/*.log {\n    daily\n}\n")
    file = {"path": str(tmp_path / "celery-uat-w1"), "content": f"{MARK}/var/log/celery/w1.log {{\n    daily\n}}\n"}
    (problem,) = run("look", files=[file])["problems"]
    assert f"{tmp_path / 'celery'} rotates /var/log/celery/w1.log, and so would" in problem
    run("files", files=[file])
    (tmp_path / "celery").unlink()
    assert run("look", files=[file])["problems"] == []


@pytest.mark.parametrize("planted", ["link", "directory"])
def test_a_rollback_makes_no_link_where_a_user_wants_it(
    run: Run, manager: Manager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    monkeypatch.setattr(_archive, "GENERATIONS", str(tmp_path / "generations/generations"))
    monkeypatch.setattr(_archive, "PLACES", ())
    cron, app = tmp_path / "cron.daily", home / "app"
    cron.mkdir()
    for directory in (home / "releases/r1", home / "releases/r2", app):
        directory.mkdir(parents=True)
        os.chown(directory, UAT, UAT)
    (app / "current").symlink_to(home / "releases/r1")
    manager.file(UNIT, f"{MARK}[Service]\nWorkingDirectory={app}/current\n")
    manager.running(UNIT)
    assert run("generations", state="kept", environments=["uat"], run=RUN)["kept"] == ["uat"]
    if planted == "link":
        app.rename(home / "app.real")
        app.symlink_to(cron)
        message = run("generations", state="restored", environments=["uat"], undo=RUN)["msg"]
        assert f"uat: {app}/current cannot lead to {home}/releases/r1: {app}: it is a symbolic link" in message
    else:
        (app / "current").unlink()
        (app / "current").mkdir()
        assert (
            "not a symbolic link any more"
            in run("generations", state="restored", environments=["uat"], undo=RUN)["msg"]
        )
    assert os.listdir(cron) == []


def test_a_rollback_leads_the_link_of_a_user_as_that_user(
    run: Run, manager: Manager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_archive, "GENERATIONS", str(tmp_path / "generations/generations"))
    monkeypatch.setattr(_archive, "PLACES", ())
    for name in ("r1", "r2"):
        (home / "releases" / name).mkdir(parents=True)
    (home / "current").symlink_to("releases/r1")
    manager.file(UNIT, f"{MARK}[Service]\nWorkingDirectory={home}/current\n")
    manager.running(UNIT)
    run("generations", state="kept", environments=["uat"], run=RUN)
    (home / "current").unlink()
    (home / "current").symlink_to("releases/r2")
    assert run("generations", state="restored", environments=["uat"], undo=RUN)["changed_files"] == [f"{home}/current"]
    assert os.readlink(home / "current") == "releases/r1"
    assert (home / "current").lstat().st_uid == UAT


@pytest.fixture
def two(manager: Manager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make two environments: live, which works in a directory of root, and uat, in ``home/current``."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "live").mkdir()
    for name, directory in (("live", tmp_path / "live"), ("uat", home / "current")):
        unit = f"celery-{name}-w1.service"
        manager.file(unit, MARK.replace("uat", name))
        manager.running(unit, MainPID=str(os.getpid()), User="nobody", WorkingDirectory=str(directory))


@pytest.mark.parametrize("broken", ["loop", "file", "long", "closed", "absent"])
def test_a_directory_that_cannot_be_looked_at_hides_no_other_service(
    run: Run, two: None, home: Path, broken: str
) -> None:
    if broken == "loop":
        (home / "current").symlink_to("current")
    elif broken == "file":
        (home / "current").write_text("")
    elif broken == "long":
        (home / "current").symlink_to("x" * 300)
    elif broken == "closed":
        home.chmod(0)
    services = run("service_facts")["ansible_facts"]["stalk_celery"]["services"]
    assert [(service["environment"], service["state"]) for service in services] == [
        ("live", "active"),
        ("uat", "active"),
    ]
    assert services[1]["stale"] in ([], ["release"])


def test_the_whole_file_system_is_not_walked(run: Run, two: None, home: Path) -> None:
    (home / "current").symlink_to("/")
    began = time.monotonic()
    services = run("service_facts")["ansible_facts"]["stalk_celery"]["services"]
    assert services[1]["stale"] in ([], ["release"])
    assert time.monotonic() - began < 5


def test_a_large_tree_is_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stale, "_MOST_ENTRIES", 10)
    for number in range(30):
        (tmp_path / f"{number}.py").write_text("")
    assert len(list(_stale._sources(str(tmp_path), time.monotonic() + 60))) == 10
    assert list(_stale._sources(str(tmp_path), time.monotonic())) == []


def test_a_tree_that_never_answers_holds_up_nobody_else() -> None:
    jobs = {
        "hangs": _apart.Job(_apart.Account(""), lambda _found: time.sleep(600)),
        "fails": _apart.Job(_apart.Account(""), lambda _found: 1 // 0),
        "dies": _apart.Job(_apart.Account(""), lambda _found: os._exit(9)),
        "works": _apart.Job(_apart.Account(""), lambda found: ["x" * 500_000, found], lambda: "as root"),
    }
    began = time.monotonic()
    answers = _apart.look_all(jobs, seconds=1)
    assert time.monotonic() - began < 4
    assert answers == {"hangs": None, "fails": None, "dies": None, "works": ["x" * 500_000, "as root"]}


def test_a_tree_is_looked_at_as_its_user(tmp_path: Path) -> None:
    """For good: there is no way back to root."""

    def look(_found: None) -> list[int]:
        with pytest.raises(PermissionError):
            os.seteuid(0)
        return [*os.getresuid(), *os.getresgid(), *os.getgroups()]

    assert _apart.look(_apart.Job(_apart.Account("nobody", "nogroup"), look)) == [NOBODY] * 8
    assert _apart.look(_apart.Job(_apart.Account("no-such-user"), look))[:3] == [NOBODY] * 3


def test_a_place_is_entered_again_for_each_call(tmp_path: Path, home: Path) -> None:
    """Nothing of a user's directory stays open or acts as root when the work is done."""
    before = set(os.listdir("/proc/self/fd"))
    _paths.make_directory(str(home / "a/b"), UAT, UAT, 0o750, lambda _temporary, _path: None)
    assert set(os.listdir("/proc/self/fd")) == before
