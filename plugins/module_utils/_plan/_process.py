# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process of a host. Touches nothing."""

from __future__ import annotations

import contextlib
import pwd
from dataclasses import dataclass, field
from typing import Mapping


@dataclass(frozen=True)
class Process:
    """A process: its real ``user``, who is the one that started it also where it has another one's privileges."""

    pid: int
    parent: int
    uid: int
    words: tuple[str, ...]
    directory: str
    cgroup: str
    variables: Mapping[str, str] = field(repr=False)

    @property
    def user(self) -> str:
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(self.uid).pw_name
        return str(self.uid)
