# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user may write on this host, asked as that user."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _as_user


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory that nobody and the group games can write."""
    os.chown(tmp_path, 65534, 60)
    os.chmod(tmp_path, 0o770)
    return tmp_path


@pytest.mark.parametrize(
    "user, group, further, expected",
    [
        ("nobody", "nogroup", [], True),
        ("no-such-user", "no-such-group", [], True),  # is nobody until it is made
        ("mail", "mail", [], False),
        ("mail", "games", [], True),
        ("mail", "mail", ["games"], True),
        ("mail", "mail", ["no-such-group"], False),
        ("games", "mail", [], False),  # as with systemd: not in its own primary group
    ],
)
def test_what_a_user_can_write(directory: Path, user: str, group: str, further: list[str], expected: bool) -> None:
    before = (os.geteuid(), os.getegid(), os.getgroups())
    assert _as_user.look(user, group, further)(str(directory)).is_writable is expected
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before


def test_only_the_main_thread_looks_as_another_user(directory: Path) -> None:
    """All threads would be that user, and start commands as that user."""
    look = _as_user.look("mail", "mail", [])
    with ThreadPoolExecutor() as pool, pytest.raises(RuntimeError, match="main thread"):
        pool.submit(look, str(directory)).result()
