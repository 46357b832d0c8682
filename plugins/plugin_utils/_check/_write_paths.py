# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the directories that tasks are to write to: none that the system or others live in is opened."""

from __future__ import annotations

import posixpath

_OF_OTHERS = frozenset(
    (
        *("/", "/home", "/media", "/mnt", "/opt", "/run", "/run/user", "/srv", "/usr", "/usr/local"),
        *("/var", "/var/cache", "/var/lib", "/var/log", "/var/spool"),
    )
)
_OF_THE_SYSTEM = tuple(
    f"/{name}/"
    for name in (
        *("bin", "boot", "dev", "efi", "etc", "lib", "lib32", "lib64", "proc", "root", "run/systemd", "sbin", "sys"),
        *("usr/bin", "usr/include", "usr/lib", "usr/lib32", "usr/lib64", "usr/libexec", "usr/sbin", "usr/share"),
    )
)


def problem_of_opening(value: str) -> str | None:
    """Say what is wrong with a path that is absolute, if anything is; the end of a sentence that names it."""
    normal = "/" + posixpath.normpath(value).lstrip("/")
    if normal != value:
        return f", which is not the shortest way to write it. Write {normal}"
    if value in _OF_OTHERS or f"{value}/".startswith(_OF_THE_SYSTEM):
        return ", which is not for tasks to write. Write the directory that they write to, for example /srv/media."
    return None
