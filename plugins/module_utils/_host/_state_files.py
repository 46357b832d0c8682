# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files in the directories of services, handled as their user: the schedule of beat, and a mark for a worker."""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from typing import Mapping

from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import SUFFIXES

_MOST = 2**20  # bytes of a schedule file
_INDEX = "-shm"  # the suffix of what SQLite makes anew
_HASHES = tuple(0x00061561.to_bytes(4, order) for order in ("little", "big"))
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def schedule(path: str) -> dict[str, str]:
    """Return what the files of a schedule hold, in base64, each by its suffix. Raises ValueError for one too large."""
    found = {}
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError), open(path + suffix, "rb") as file:
            content = file.read(_MOST + 1)
            if len(content) > _MOST:
                raise ValueError("too large")
            found[suffix] = base64.b64encode(content).decode("ascii")
    return found


def is_berkeley(path: str) -> bool:
    """Return whether a file is a hash of Berkeley DB, by the number that file(1) knows; False for what is no file."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(16)[12:] in _HASHES


def write_schedule(path: str, found: Mapping[str, str]) -> bool:
    """Write the files of a schedule in place of those that are there."""
    for suffix in (*SUFFIXES, _INDEX):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)
    for suffix, text in found.items():
        with os.fdopen(os.open(path + suffix, _NEW, 0o640), "wb") as file:
            file.write(base64.b64decode(text))
    return True


def hold(path: str, is_held: bool) -> bool:
    """Make or remove a mark; return whether that was necessary."""
    if os.path.lexists(path) == is_held:
        return False
    if is_held:
        os.close(os.open(path, _NEW, 0o640))
    else:
        os.unlink(path)
    return True
