# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _paths

UAT = 23456  # nobody's id: a stranger needs no entry in the password file
OTHER = 23457


def without_label(_temporary: str, _path: str) -> None:
    """Do what there is to do without SELinux."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a directory of a stranger below one of root."""
    directory = tmp_path / "home/uat"
    directory.mkdir(parents=True)
    os.chown(directory, UAT, UAT)
    return directory


def owners(path: Path) -> tuple[int, int, str]:
    status = path.lstat()
    return status.st_uid, status.st_gid, oct(status.st_mode & 0o7777)


def test_links_of_root_are_followed(tmp_path: Path) -> None:
    """As /var/run to /run, /lib to usr/lib, and /home to /data/home; with .. and a second link in the target."""
    (tmp_path / "data/real/deep").mkdir(parents=True)
    (tmp_path / "data/link").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "data/link")
    (tmp_path / "relative").symlink_to("data/link/deep/../deep")
    (tmp_path / "data/real/deep/file").write_text("text")
    assert _paths.read(str(tmp_path / "absolute/deep/file")) == b"text"
    assert _paths.read(str(tmp_path / "relative/file")) == b"text"
    _paths.replace(str(tmp_path / "absolute/new"), b"new", 0, 0, 0o600, without_label)
    assert (tmp_path / "data/real/new").read_text() == "new"


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        _paths.read(str(tmp_path / "a/file"))


@pytest.mark.parametrize("depth", ["", "/deeper/still"])
def test_a_link_of_a_user_is_never_followed(tmp_path: Path, home: Path, depth: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("hunter2")
    directory = Path(f"{home}{depth}")
    with _paths.acting_as(UAT, UAT):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "conf").symlink_to(secret)
    path = str(directory / "conf/file")
    for attempt in (
        lambda: _paths.read(path),
        lambda: _paths.replace(path, b"", 0, 0, 0o644, without_label),
        lambda: _paths.unlink(path),
        lambda: _paths.link(path, "/"),
        lambda: _paths.make_directory(f"{path}/x", UAT, UAT, 0o750, without_label),
        lambda: _paths.remove_tree(path),
        lambda: _paths.names(str(directory / "conf")),
    ):
        with pytest.raises(OSError, match="is a symbolic link, which is not followed") as raised:
            attempt()
        assert str(directory / "conf") in str(raised.value)
        assert f"{directory} belongs to {UAT}:{UAT}" in str(raised.value)
    assert [(secret / "file").read_text(), os.listdir(secret)] == ["hunter2", ["file"]]


def test_a_file_that_is_a_link_is_not_read_and_not_written_through(tmp_path: Path, home: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    for directory in (tmp_path, home):
        (directory / "link").symlink_to(tmp_path / "secret")
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            _paths.read(str(directory / "link"))
    _paths.replace(str(tmp_path / "link"), b"new", 0, 0, 0o600, without_label)
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "secret").read_text() == "hunter2"


def test_a_link_of_root_to_a_file_is_followed_where_that_is_asked_for(tmp_path: Path, home: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "file").write_text("text")
    (tmp_path / "etc/one").symlink_to("two")
    (tmp_path / "etc/two").symlink_to("../file")
    assert _paths.read_linked(str(tmp_path / "etc/one")) == b"text"
    (home / "link").symlink_to(tmp_path / "file")
    (tmp_path / "etc/loop").symlink_to("loop")
    for path in (home / "link", tmp_path / "etc/loop"):
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            _paths.read_linked(str(path))


def test_what_is_made_below_a_users_directory_is_made_by_that_user(home: Path) -> None:
    _paths.make_directory(str(home / "var/log"), UAT, UAT, 0o750, without_label)
    assert owners(home / "var") == (UAT, UAT, "0o755")
    assert owners(home / "var/log") == (UAT, UAT, "0o750")
    _paths.replace(str(home / "var/file"), b"text", UAT, UAT, 0o640, without_label)
    assert owners(home / "var/file") == (UAT, UAT, "0o640")
    _paths.link(str(home / "current"), "var")
    assert owners(home / "current")[:2] == (UAT, UAT)


def test_a_user_gets_nothing_of_another_in_a_directory_of_its_own(home: Path) -> None:
    for attempt in (
        lambda: _paths.make_directory(str(home / "x"), 0, 0, 0o755, without_label),
        lambda: _paths.make_directory(str(home / "x"), OTHER, UAT, 0o755, without_label),
        lambda: _paths.replace(str(home / "x"), b"", 0, 0, 0o644, without_label),
    ):
        with pytest.raises(PermissionError):
            attempt()
    assert not (home / "x").is_file()


def test_in_a_directory_of_a_user_root_reads_what_that_user_may_read(tmp_path: Path, home: Path) -> None:
    secret = home / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    with pytest.raises(PermissionError):
        _paths.read(str(secret))
    os.chown(secret, UAT, UAT)
    assert _paths.read(str(secret)) == b"hunter2"


def test_what_is_made_below_directories_of_root_belongs_to_root_but_for_the_last(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        assert _paths.make_directory(str(tmp_path / "a/b/c"), UAT, UAT, 0o2750, without_label) is True
    finally:
        os.umask(old)
    assert [owners(tmp_path / path) for path in ("a", "a/b")] == [(0, 0, "0o755")] * 2
    assert owners(tmp_path / "a/b/c") == (UAT, UAT, "0o2750")


def test_a_directory_that_exists_keeps_owner_and_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert _paths.make_directory(str(tmp_path), UAT, UAT, 0o750, without_label) is False
    assert owners(tmp_path) == (0, 0, "0o755")


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "expected"),
    [
        (0, 0, 0o755, True),
        (0, UAT, 0o750, True),
        (0, 50, 0o2775, True),
        (0, UAT, 0o770, False),
        (0, 0, 0o757, False),
        (0, 0, 0o1777, False),
        (UAT, 0, 0o700, False),
    ],
)
def test_which_directories_are_roots(tmp_path: Path, uid: int, gid: int, mode: int, expected: bool) -> None:
    """50 is the group staff, as that of /usr/local; the sticky one is as /tmp."""
    directory = tmp_path / "directory"
    directory.mkdir()
    os.chown(directory, uid, gid)
    directory.chmod(mode)
    (directory / "below").mkdir()
    with _paths.open_directory(str(directory)) as place:
        assert place.is_roots is expected
    with _paths.open_directory(str(directory / "below")) as place:
        assert place.is_roots is (expected or mode == 0o1777)


def test_a_group_of_people_is_not_the_systems_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a company's directory has a group staff with everybody in it."""
    people = grp.struct_group(("staff", "x", OTHER, []))
    monkeypatch.setattr("grp.getgrnam", lambda name: {"staff": people}[name])
    monkeypatch.setattr("grp.getgrall", lambda: [people])
    _paths._system_gids.cache_clear()
    directory = tmp_path / "directory"
    directory.mkdir()
    os.chown(directory, 0, OTHER)
    directory.chmod(0o2775)
    with _paths.open_directory(str(directory)) as place:
        assert place.is_roots is False
    _paths._system_gids.cache_clear()


def test_nobody_writes_where_a_group_can_rename(tmp_path: Path) -> None:
    directory = tmp_path / "app"
    directory.mkdir()
    os.chown(directory, 0, OTHER)
    directory.chmod(0o2775)
    with pytest.raises(PermissionError, match=rf"{directory} belongs to root:{OTHER} 2775, and others"):
        _paths.replace(str(directory / "file"), b"", 0, 0, 0o644, without_label)
    (directory / "current").symlink_to("releases/1")
    os.chown(directory / "current", UAT, OTHER, follow_symlinks=False)
    _paths.link(str(directory / "current"), "releases/2")
    assert os.readlink(directory / "current") == "releases/2"
    assert owners(directory / "current")[:2] == (UAT, OTHER)


def test_a_users_rights_are_given_back_also_after_an_error(home: Path) -> None:
    before = (os.geteuid(), os.getegid(), os.getgroups())
    with pytest.raises(FileNotFoundError):
        _paths.read(str(home / "absent"))
    _paths.make_directory(str(home / "x"), UAT, UAT, 0o750, without_label)
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before


def test_pipes_and_devices_do_not_hold_anybody_up(home: Path) -> None:
    with _paths.acting_as(UAT, UAT):
        os.mkfifo(home / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        _paths.read(str(home / "pipe"))


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(OSError, match="more than"):
        _paths.read(str(tmp_path / "file"))


def test_a_tree_is_removed_with_what_others_put_there_and_nothing_that_it_links_to(tmp_path: Path, home: Path) -> None:
    (tmp_path / "kept").write_text("")
    with _paths.acting_as(UAT, UAT):
        (home / "link").symlink_to(tmp_path)
    (home / "of-root").mkdir(mode=0o700)
    (home / "of-root/file").write_text("")
    _paths.remove_tree(str(home))
    assert not home.exists()
    assert (tmp_path / "kept").exists()


def test_a_tree_that_is_deeper_than_a_path_is_long_is_removed(home: Path) -> None:
    script = "import os\nfor level in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n"
    subprocess.run(["python3", "-c", script], cwd=home, check=True)
    _paths.remove_tree(str(home))
    assert not home.exists()


def test_a_tree_that_takes_too_long_is_given_up(home: Path) -> None:
    """Somebody may go on filling it."""
    (home / "file").write_text("")
    with pytest.raises(TimeoutError, match="filled faster than it can be removed"):
        _paths.remove_tree(str(home), seconds=0)


@pytest.mark.parametrize("path", ["relative/file", "/", "/tmp/..", ""])
def test_what_is_no_path_of_a_file(path: str) -> None:
    with pytest.raises(OSError):
        _paths.read(path)


def test_a_swap_in_the_middle_of_the_work_leads_nowhere(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user moves the directory away and puts a link in its place when it is open already."""
    victim = tmp_path / "victim"
    victim.mkdir()
    with _paths.acting_as(UAT, UAT):
        (home / "conf").mkdir()
    write = _paths.Place.replace

    def swap(place: _paths.Place, *arguments: Any) -> None:
        os.rename(home / "conf", home / "old")
        (home / "conf").symlink_to(victim)
        write(place, *arguments)

    monkeypatch.setattr(_paths.Place, "replace", swap)
    _paths.replace(str(home / "conf/w1.conf"), b"text", UAT, UAT, 0o640, without_label)
    assert os.listdir(victim) == []
    assert (home / "old/w1.conf").exists()


def test_only_the_main_thread_acts_as_another_user(home: Path) -> None:
    """All threads would be that user, and start commands as that user."""
    (home / "file").write_text("text")
    with ThreadPoolExecutor() as pool, pytest.raises(RuntimeError, match="main thread"):
        pool.submit(_paths.read, str(home / "file")).result()
    assert _paths.read(str(home / "file")) == b"text"
