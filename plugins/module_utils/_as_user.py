# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user may do on this host outside of any sandbox, asked as that user."""

from __future__ import annotations

import contextlib
import os
import pwd
from typing import Callable, Iterable, Iterator

from ansible_collections.stalk.celery.plugins.module_utils._nss import gid_of
from ansible_collections.stalk.celery.plugins.module_utils._writes import Place

_NOBODY = 65534


def look(user: str, group: str, further: Iterable[str]) -> Callable[[str], Place]:
    """What tells of a path what it is to C(user) with C(group) and C(further) groups, as far as they exist."""

    def place(path: str) -> Place:
        with _acting_as(user, group, further):
            return Place(os.path.isdir(path), os.access(path, os.W_OK | os.X_OK, effective_ids=True))

    return place


@contextlib.contextmanager
def _acting_as(user: str, group: str, further: Iterable[str]) -> Iterator[None]:
    """Be C(user) for a moment; one that does not exist yet is nobody."""
    if os.getuid() != 0:
        yield
        return
    uid, gid = _NOBODY, _NOBODY
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(user)
        uid, gid = entry.pw_uid, entry.pw_gid
    gid = _gid(group, gid)
    before = os.getegid(), os.getgroups()
    own = os.getgrouplist(user, gid) if uid != _NOBODY else [gid]
    os.setgroups([*own, *(_gid(name, gid) for name in further)])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def _gid(group: str, default: int) -> int:
    with contextlib.suppress(KeyError):
        return gid_of(group)
    return default
