# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user may do on this host outside of any sandbox, asked as that user."""

from __future__ import annotations

import contextlib
import os
import pwd
from typing import Callable, Iterable

from ansible_collections.stalk.celery.plugins.module_utils._host import _paths
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import gid_of
from ansible_collections.stalk.celery.plugins.module_utils._plan._writes import Place

_NOBODY = 65534


def look(user: str, group: str, further: Iterable[str]) -> Callable[[str], Place]:
    """Return what tells of a path what it is to ``user`` with ``group`` and ``further`` groups, if they exist."""

    def place(path: str) -> Place:
        with _acting_as(user, group, further):
            return Place(os.path.isdir(path), os.access(path, os.W_OK | os.X_OK, effective_ids=True))

    return place


def _acting_as(user: str, group: str, further: Iterable[str]) -> contextlib.AbstractContextManager[None]:
    """Be ``user`` for a moment; one that does not exist yet is nobody."""
    try:
        uid, primary = pwd.getpwnam(user)[2:4]
    except KeyError:
        gid = _gid(group, _NOBODY)
        return _paths.acting_with(_NOBODY, gid, [gid, *(_gid(name, gid) for name in further)])
    gid = _gid(group, primary)
    groups = [*os.getgrouplist(user, gid), *(_gid(name, gid) for name in further)]
    return _paths.acting_with(uid, gid, groups)


def _gid(group: str, default: int) -> int:
    with contextlib.suppress(KeyError):
        return gid_of(group)
    return default
