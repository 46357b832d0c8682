# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a takeover leaves in the directories of services, and what it asks the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _ask, _state_files
from ansible_collections.stalk.celery.plugins.module_utils._host._celery_processes import Parent

NOBODY = 2**22 + 1  # more than a kernel gives


def test_all_files_of_a_schedule_are_taken_along(tmp_path: Path) -> None:
    """And what was there before under the name is gone, also a link to the file of somebody else."""
    (tmp_path / "old.db").write_bytes(b"\x00\xff")
    (tmp_path / "old.dat").write_bytes(b"")
    (tmp_path / "old-wal").write_bytes(b"what SQLite has not put into its database yet")
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "new.db").symlink_to("precious")
    (tmp_path / "new.bak").write_text("stale")
    (tmp_path / "new-shm").write_text("stale")
    assert _state_files.write_schedule(str(tmp_path / "new"), _state_files.schedule(str(tmp_path / "old")))
    found = {path.name: path.read_bytes() for path in tmp_path.glob("new*")}
    wal = b"what SQLite has not put into its database yet"
    assert found == {"new.db": b"\x00\xff", "new.dat": b"", "new-wal": wal}
    assert (tmp_path / "precious").read_text() == "kept"


def test_there_may_be_no_schedule(tmp_path: Path) -> None:
    assert _state_files.schedule(str(tmp_path / "none")) == {}


def test_a_schedule_without_end_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="too large"):
        _state_files.schedule(str(tmp_path / "huge"))


def test_what_berkeley_db_has_made_is_told_by_its_content(tmp_path: Path) -> None:
    """Since a file of SQLite or gdbm may have the same suffix, as Paperless names its own."""
    path = tmp_path / "schedule.db"
    path.write_bytes(bytes.fromhex("00000000010000000000000061150600"))
    assert _state_files.is_berkeley(str(path))
    path.write_bytes(b"SQLite format 3\x00")
    assert not _state_files.is_berkeley(str(path))
    path.write_bytes(b"")
    assert not _state_files.is_berkeley(str(path))
    os.mkfifo(tmp_path / "fifo")
    assert not _state_files.is_berkeley(str(tmp_path / "fifo")), "nor does it wait for a writer"


def test_a_mark_is_made_and_removed_once(tmp_path: Path) -> None:
    path = str(tmp_path / "mark")
    assert [_state_files.hold(path, wanted) for wanted in (True, True, False, False)] == [True, False, True, False]


def test_a_process_of_another_user_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that hides it in /proc does not make it gone."""

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    assert not _ask._is_there(NOBODY)
    monkeypatch.setattr(os, "kill", refuse)
    assert _ask._is_there(NOBODY)


def test_what_has_started_a_process_is_told_by_the_kernel() -> None:
    own = Parent(os.getpid())
    assert own.parent == os.getppid()
    assert own.words
    gone = Parent(NOBODY)
    assert (gone.words, gone.parent, gone.is_roots) == ((), 0, False)
