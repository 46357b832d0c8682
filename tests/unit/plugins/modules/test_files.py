# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from .conftest import Run

MARK = "# Managed by stalk.celery: live/worker/w1. Ansible overwrites local changes.\n"
UNIT = "celery-live-w1.service"
SECRET = 'hunter2"; rm -rf $HOME'
KEY = "-----BEGIN KEY-----\nTUlJRXZR\nSUJBREFO\nQmc9PQ==\nPASSWORD=\n-----END KEY-----"

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def file(tmp_path: Path, accounts: dict[str, str]) -> Make:
    """Return a file below ``etc``, as the option ``files`` takes it."""

    def make(name: str, text: str = "text\n", *, mark: str = MARK, **options: Any) -> dict[str, Any]:
        return {"path": str(tmp_path / "etc" / name), "content": mark + text, **accounts, **options}

    return make


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    directory = tmp_path / "etc"
    directory.mkdir()
    return directory


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def environment(**variables: str) -> str:
    return "".join(f'{name}="{value}"\n' for name, value in variables.items())


def everything(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every path below a directory, with mode, time of change and content."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in directory.rglob("*")
    }


def test_writes_content_mode_and_missing_parents_whatever_the_umask(run: Run, file: Make, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        result = run("files", files=[file("conf.d/w1.conf", "text: ä\n", mode="0640")])
    finally:
        os.umask(old)
    path = tmp_path / "etc/conf.d/w1.conf"
    assert path.read_text(encoding="utf-8") == f"{MARK}text: ä\n"
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o640, 0o755, 0o755)
    assert (result["changed"], result["changed_files"]) == (True, [str(path)])


def test_a_second_run_changes_nothing(run: Run, file: Make, tmp_path: Path, accounts: dict[str, str]) -> None:
    arguments = {
        "files": [file("a", unit=UNIT), file("b", secret=True)],
        "directories": [{"path": str(tmp_path / "var/lib"), **accounts, "mode": "0750"}],
    }
    assert run("files", **arguments)["changed"] is True
    before = everything(tmp_path)
    result = run("files", **arguments)
    assert (result["changed"], result["changed_files"], result["restart"], result["diff"]) == (False, [], [], [])
    assert everything(tmp_path) == before


def test_a_foreign_file_stops_everything_before_the_first_write(run: Run, file: Make, etc: Path) -> None:
    (etc / "b").write_text("by hand\n")
    before = everything(etc)
    result = run("files", files=[file("a"), file("b"), file("c")])
    assert result["failed"] is True
    assert f"{etc / 'b'} exists and was not written by stalk.celery" in result["msg"]
    assert everything(etc) == before


def test_a_marker_below_the_third_line_does_not_count(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text(f"1\n2\n3\n{MARK}")
    assert "was not written by stalk.celery" in run("files", files=[file("a")])["msg"]


def test_a_file_of_another_environment_is_not_taken_over(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text(MARK.replace("live", "uat"))
    result = run("files", files=[file("a")])
    assert "belongs to uat/worker/w1, and live/worker/w1 asks for the same path" in result["msg"]
    assert (etc / "a").read_text() == MARK.replace("live", "uat")


def test_a_file_of_another_service_of_the_environment_is_taken_over(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text(MARK.replace("w1", "old"))
    assert run("files", files=[file("a")])["changed_files"] == [str(etc / "a")]


def test_content_without_marker_is_refused(run: Run, file: Make, tmp_path: Path) -> None:
    result = run("files", files=[file("a", mark="")])
    assert "lack 'Managed by stalk.celery: <name>'" in result["msg"]
    assert not (tmp_path / "etc").exists()


def test_masked_unit(run: Run, file: Make, etc: Path) -> None:
    (etc / UNIT).symlink_to("/dev/null")
    assert f"run 'systemctl unmask {UNIT}'" in run("files", files=[file(UNIT)])["msg"]


def test_a_link_is_not_followed(run: Run, file: Make, etc: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text(MARK)
    (etc / "a").symlink_to(target)
    assert f"is a symbolic link to {target}" in run("files", files=[file("a")])["msg"]
    assert target.read_text() == MARK


def test_a_directory_in_the_way(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").mkdir()
    assert "is a directory, where the collection has to write a file" in run("files", files=[file("a")])["msg"]


def test_one_path_twice(run: Run, file: Make, tmp_path: Path) -> None:
    assert "asked for twice" in run("files", files=[file("a", "1"), file("a", "2")])["msg"]
    assert not (tmp_path / "etc").exists()


def test_all_problems_at_once(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text("by hand\n")
    (etc / "b").mkdir()
    assert len(run("files", files=[file("a"), file("b")])["msg"].splitlines()) == 2


@pytest.mark.parametrize("wrong", ["644", "420", "0649", "rw-r--r--", "u=rw", ""])
def test_a_mode_that_is_not_octal(run: Run, file: Make, wrong: str) -> None:
    assert "is not an octal number in quotes" in run("files", files=[file("a", mode=wrong)])["msg"]


@pytest.mark.parametrize("wrong", ["celery-live-w1", "../../etc/passwd", "a b.service"])
def test_a_unit_name_that_is_not_complete(run: Run, file: Make, wrong: str) -> None:
    assert "is not the complete name of a unit" in run("files", files=[file("a", unit=wrong)])["msg"]


def test_a_relative_path(run: Run, accounts: dict[str, str]) -> None:
    assert "is not absolute" in run("files", files=[{"path": "etc/a", "content": MARK, **accounts}])["msg"]


def test_an_unknown_owner_stops_everything_before_the_first_write(run: Run, file: Make, tmp_path: Path) -> None:
    result = run("files", files=[file("a"), file("b", owner="nobody-has-this", group="nor-this")])
    assert f"user 'nobody-has-this' of {tmp_path / 'etc/b'} does not exist" in result["msg"]
    assert f"group 'nor-this' of {tmp_path / 'etc/b'} does not exist" in result["msg"]
    assert not (tmp_path / "etc").exists()


def test_check_mode_predicts_on_a_bare_host_and_changes_nothing(run: Run, file: Make, tmp_path: Path) -> None:
    before = everything(tmp_path)
    result = run(
        "files",
        check=True,
        files=[file("conf.d/a", owner="not-yet", group="not-yet", unit=UNIT)],
        directories=[{"path": str(tmp_path / "var/lib"), "owner": "not-yet"}],
    )
    assert (result["changed"], result["restart"]) == (True, [UNIT])
    assert result["changed_files"] == [str(tmp_path / "etc/conf.d/a")]
    assert [diff["after_header"] for diff in result["diff"]] == [
        str(tmp_path / "var/lib"),
        str(tmp_path / "etc/conf.d/a"),
    ]
    assert everything(tmp_path) == before


def test_check_mode_predicts_what_the_run_then_does(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text(f"{MARK}old\n")
    (etc / "old").write_text(MARK)
    arguments = {"files": [file("a", unit=UNIT), file("b")], "marker_prefixes": ["live/worker/"]}
    predicted, done = run("files", check=True, **arguments), run("files", **arguments)
    for name in ("changed", "changed_files", "restart", "orphans", "diff"):
        assert predicted[name] == done[name]


def test_check_mode_sees_a_foreign_file(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text("by hand\n")
    assert "was not written by stalk.celery" in run("files", check=True, files=[file("a")])["msg"]


def test_the_diff_of_a_public_file_is_its_text(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text(f"{MARK}old\n")
    (etc / "a").chmod(0o600)
    content, attributes = run("files", files=[file("a")])["diff"]
    assert (content["before"], content["after"]) == (f"{MARK}old\n", f"{MARK}text\n")
    assert (attributes["before"][-5:], attributes["after"][-5:]) == ("0600\n", "0644\n")


def test_nothing_is_left_of_a_secret_but_the_names_of_changed_variables(
    run: Run, file: Make, etc: Path, log: list[str]
) -> None:
    old = environment(KEEP="same-in-both", KEY="former\nTUlJ\nb2xk=", GONE="gone-value")
    (etc / "a").write_text(MARK + old)
    (etc / "a").chmod(0o644)
    escaped = SECRET.replace('"', '\\"').replace("$", "\\$")
    new = environment(KEEP="same-in-both", KEY=KEY, NEW=escaped)
    result = run("files", files=[file("a", new, secret=True, unit=UNIT), file("b", "public text\n")])
    assert result["diff"][0]["before"] == "KEY=(hidden)\nGONE=(hidden)\n"
    assert result["diff"][0]["after"] == "KEY=(hidden), changed\nNEW=(hidden)\n"
    assert (etc / "a").read_text() == MARK + new
    shown = result["printed"] + "".join(log)
    assert "_texts=NOT_LOGGING_PARAMETER" in "".join(log)
    for hidden in ("same-in-both", "former", "gone-value", "hunter2", "TUlJ", "SUJBREFO", "PASSWORD", "BEGIN"):
        assert hidden not in shown


@pytest.mark.parametrize("secret", ["a", "true", "live", "changed", "0644"])
def test_a_short_secret_does_not_censor_the_rest_of_the_output(run: Run, file: Make, secret: str) -> None:
    result = run("files", files=[{**file("a"), "content": f"{MARK}{secret}", "secret": True}, file("b")])
    assert "********" not in result["printed"]


@pytest.mark.parametrize(
    "old",
    ["KEY='-----BEGIN\nTUlJRXZR=\n'\n", 'A=plain\nB="x"\n', 'A="unfinished\nB=', "export A=1\n"],
    ids=["single quotes", "no quotes", "unfinished", "shell"],
)
def test_a_secret_file_that_is_not_ours_in_form_is_hidden_as_a_whole(run: Run, file: Make, etc: Path, old: str) -> None:
    (etc / "a").write_text(MARK + old)
    (etc / "a").chmod(0o644)
    (diff,) = run("files", files=[file("a", environment(A="1"), secret=True)])["diff"]
    assert (diff["before"], diff["after"]) == ("(hidden)\n", "(hidden), changed\n")


def test_only_the_mode_differs(run: Run, file: Make, etc: Path, stamps: Path) -> None:
    run("files", files=[file("a", unit=UNIT)])
    (stamps / UNIT).unlink()
    (etc / "a").chmod(0o600)
    result = run("files", files=[file("a", unit=UNIT)])
    assert (result["changed"], result["changed_files"], result["restart"]) == (True, [], [])
    assert mode(etc / "a") == 0o644
    assert not (stamps / UNIT).exists()


def test_restart_names_each_unit_once_and_only_if_its_content_changed(run: Run, file: Make, etc: Path) -> None:
    (etc / "same").write_text(f"{MARK}text\n")
    (etc / "same").chmod(0o644)
    files = [file("a", unit="b.service"), file("b", unit="b.service"), file("same", unit="a.service"), file("c")]
    assert run("files", files=files)["restart"] == ["b.service"]


def test_the_stamp_covers_the_whole_time_of_writing(
    run: Run, file: Make, stamps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that restarts by itself in between has read the old files or half of them."""
    clock = iter(range(1, 100))
    monkeypatch.setattr("time.clock_gettime_ns", lambda _clock: next(clock) * 1000)
    seen = {}
    replace = os.replace

    def spy(source: str, target: str, **directories: int) -> None:
        if target in ("a", "b"):
            seen[target] = int((stamps / UNIT).read_text().split()[0])
        replace(source, target, **directories)

    monkeypatch.setattr("os.replace", spy)
    run("files", files=[file("a", unit=UNIT), file("b", unit=UNIT)])
    assert seen == {"a": 1, "b": 1}
    assert (stamps / UNIT).read_text() == "2 0\n"
    assert mode(stamps / UNIT) == 0o600


def test_the_stamp_is_of_the_clock_that_systemd_uses(run: Run, file: Make, stamps: Path) -> None:
    before = float(Path("/proc/uptime").read_text().split()[0])
    run("files", files=[file("a", unit=UNIT)])
    stamp = int((stamps / UNIT).read_text().split()[0]) / 1e6
    assert before - 60 < stamp < before + 60


def test_a_dead_run_leaves_whole_files_and_the_next_one_ends_the_work(
    run: Run, file: Make, etc: Path, tmp_path: Path, stamps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc / "a").write_text(f"{MARK}old a\n")
    (etc / "b").write_text(f"{MARK}old b\n")
    files = [file("a", "new a\n", unit=UNIT), file("b", "new b\n" * 10000, unit=UNIT)]
    replace = os.replace

    def die(source: str, target: str, **directories: int) -> None:
        if target == "b":
            os._exit(9)
        replace(source, target, **directories)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr("os.replace", die)
        run("files", files=files)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (etc / "a").read_text() == f"{MARK}new a\n"
    assert (etc / "b").read_text() == f"{MARK}old b\n"
    assert (stamps / UNIT).exists()
    assert run("files", files=files)["changed_files"] == [str(etc / "b")]
    assert sorted(path.name for path in etc.iterdir()) == ["a", "b"]


def test_what_a_dead_run_left_is_an_orphan(run: Run, file: Make, etc: Path) -> None:
    (etc / ".old.stalk-celery").write_text(MARK)
    assert run("files", files=[file("a")], marker_prefixes=["live/"])["orphans"] == [str(etc / ".old.stalk-celery")]


def test_a_full_disk_leaves_the_old_file_and_no_other(
    run: Run, file: Make, etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc / "a").write_text(f"{MARK}old\n")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert run("files", files=[file("a")])["msg"] == f"[Errno 28] No space left on device: '{etc / 'a'}'"
    assert (etc / "a").read_text() == f"{MARK}old\n"
    assert [path.name for path in etc.iterdir()] == ["a"]


def test_nobody_reads_a_secret_before_its_mode_is_set(
    run: Run, file: Make, etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc / "a").write_text(MARK)
    (etc / "a").chmod(0o644)
    seen = []
    fchmod, replace = os.fchmod, os.replace

    def spy_fchmod(descriptor: int, wanted: int) -> None:
        seen.append(os.fstat(descriptor).st_mode & 0o7777)
        fchmod(descriptor, wanted)

    def spy_replace(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        seen.append(os.stat(source, dir_fd=src_dir_fd).st_mode & 0o7777)
        replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr("os.fchmod", spy_fchmod)
    monkeypatch.setattr("os.replace", spy_replace)
    run("files", files=[file("a", environment(A="1"), secret=True, mode="0640")])
    assert seen == [0o600, 0o640]


def test_a_planted_link_at_the_temporary_name_is_not_written_through(run: Run, file: Make, etc: Path) -> None:
    victim = etc / "victim"
    victim.write_text("untouched")
    (etc / ".a.stalk-celery").symlink_to(victim)
    run("files", files=[file("a")])
    assert victim.read_text() == "untouched"
    assert (etc / "a").read_text() == f"{MARK}text\n"


def test_a_link_planted_in_the_last_moment_is_not_written_through(
    run: Run, file: Make, etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = etc / "victim"
    victim.write_text("untouched")
    unlink = os.unlink

    def plant(path: str, *, dir_fd: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            unlink(path, dir_fd=dir_fd)
        os.symlink(victim, path, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr("os.unlink", plant)
        assert "File exists" in run("files", files=[file("a")])["msg"]
    assert victim.read_text() == "untouched"


def test_directories(run: Run, tmp_path: Path, accounts: dict[str, str]) -> None:
    wanted = {"path": str(tmp_path / "var/lib/celery"), **accounts, "mode": "2750"}
    result = run("files", directories=[{**wanted, "mode": "02750"}])
    path = Path(wanted["path"])
    assert (mode(path), mode(path.parent)) == (0o2750, 0o755)
    assert (result["changed"], result["changed_files"]) == (True, [])
    assert run("files", directories=[{**wanted, "mode": "02750"}])["changed"] is False


def test_a_directory_that_exists_keeps_its_owner_and_mode(run: Run, tmp_path: Path, accounts: dict[str, str]) -> None:
    path = tmp_path / "var/lib"
    path.mkdir(parents=True)
    path.chmod(0o755)
    path.parent.chmod(0o700)
    assert run("files", directories=[{"path": str(path), **accounts, "mode": "0750"}])["changed"] is False
    assert (mode(path), mode(path.parent)) == (0o755, 0o700)


def test_a_directory_and_one_in_it(run: Run, tmp_path: Path, accounts: dict[str, str]) -> None:
    outer, inner = tmp_path / "a", tmp_path / "a/b"
    run("files", directories=[{"path": str(path), **accounts, "mode": "0700"} for path in (inner, outer)])
    assert (mode(outer), mode(inner)) == (0o700, 0o700)


def test_the_same_directory_twice(run: Run, tmp_path: Path, accounts: dict[str, str]) -> None:
    assert run("files", directories=[{"path": str(tmp_path / "a"), **accounts}] * 2)["changed"] is True


def test_a_file_where_a_directory_is_wanted(run: Run, file: Make, etc: Path) -> None:
    (etc / "a").write_text("")
    assert "where a directory is wanted" in run("files", directories=[{"path": str(etc / "a")}])["msg"]


def test_a_linked_directory_is_accepted_as_it_is_and_never_changed(
    run: Run, tmp_path: Path, etc: Path, accounts: dict[str, str]
) -> None:
    etc.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(etc)
    for wanted in ("0755", "0777"):
        assert run("files", directories=[{"path": str(link), **accounts, "mode": wanted}])["changed"] is False
    assert mode(etc) == 0o755


def test_a_file_with_a_marker_to_keep_is_no_orphan(run: Run, file: Make, etc: Path) -> None:
    (etc / "same").write_text(MARK.replace("w1", "w1/lock"))
    (etc / "other").write_text(MARK.replace("w1", "w1/lock2"))
    result = run("files", files=[file("a")], marker_prefixes=["live/worker/"], keep_markers=["live/worker/w1/lock"])
    assert result["orphans"] == [str(etc / "other")]


def test_orphans_are_what_the_owners_wrote_and_nobody_wants_any_more(
    run: Run, file: Make, etc: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for directory in (etc, other, etc / "below"):
        directory.mkdir(exist_ok=True)
    (etc / "old").write_text(MARK.replace("w1", "old"))
    (other / "old").write_text(f"#!/bin/sh\n{MARK}")
    (etc / "uat").write_text(MARK.replace("live", "uat"))
    (etc / "lively").write_text(MARK.replace("live", "lively"))
    (etc / "beat").write_text(MARK.replace("worker", "beat"))
    (etc / "foreign").write_text("# by hand\n")
    (etc / "binary").write_bytes(b"\xff\x00" * 9000)
    (etc / "below/old").write_text(MARK)
    (etc / "link").symlink_to(etc / "below/old")
    before = everything(tmp_path)
    places = [str(other), str(tmp_path / "absent")]
    result = run("files", files=[file("a")], marker_prefixes=["live/worker/"], search=places)
    assert result["orphans"] == [str(etc / "old"), str(other / "old")]
    after = everything(tmp_path)
    assert {path: after[path] for path in before if path != str(etc)} == {
        path: before[path] for path in before if path != str(etc)
    }


def test_orphans_alone_are_no_change(run: Run, file: Make, etc: Path) -> None:
    run("files", files=[file("a")])
    (etc / "old").write_text(MARK)
    result = run("files", files=[file("a")], marker_prefixes=["live/worker/"])
    assert (result["changed"], result["orphans"]) == (False, [str(etc / "old")])


def test_without_owners_there_are_no_orphans(run: Run, file: Make, etc: Path) -> None:
    (etc / "old").write_text(MARK)
    assert run("files", files=[file("a")])["orphans"] == []


def test_a_new_file_gets_the_context_of_its_final_path(
    run: Run, file: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    monkeypatch.setattr(AnsibleModule, "selinux_default_context", lambda _module, path, mode=0: [path])
    monkeypatch.setattr(
        AnsibleModule,
        "set_context_if_different",
        lambda _module, path, context, _changed: given.append((os.path.basename(path), context)),
    )
    run("files", files=[file("a")])
    path = str(tmp_path / "etc/a")
    assert given == [("etc", [str(tmp_path / "etc")]), (".a.stalk-celery", [path])]
