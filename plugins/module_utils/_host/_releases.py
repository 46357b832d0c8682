# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release that a process works in, and the one that its directory leads to. Looks at trees of strangers by path:

to be called by ``_apart`` only, where it has no power that they do not have.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterable, Optional, Sequence, Tuple

Cwd = Optional[Tuple[str, int, int]]

_DELETED = " (deleted)"
_MOST_RELEASES = 10_000


def cwd(pid: str) -> Cwd:
    """Return where process ``pid`` works, and the file system and number of that directory. Needs root."""
    try:
        shown, status = os.readlink(f"/proc/{pid}/cwd"), os.stat(f"/proc/{pid}/cwd")
    except OSError:
        return None
    return shown, status.st_dev, status.st_ino


def target(link: str) -> str:
    """Return where ``link`` leads to, empty if it is none."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


def real(path: str) -> str:
    """Return the real path of ``path``, as far as it can be told."""
    try:
        return os.path.realpath(path)
    except OSError:
        return path


def link_in(directory: str) -> str:
    """Return the last part of ``directory`` that is a link, empty without one."""
    path = directory
    while path not in ("/", "") and not os.path.islink(path):
        path = os.path.dirname(path)
    return path if os.path.islink(path) else ""


def release(works_in: Cwd, directory: str) -> str:
    """Return the real path of the release in which a process works whose directory is ``directory``, empty without one.

    The sandbox may show it to the process under another path, and an application may go elsewhere when it is imported.
    """
    if works_in is None:
        return ""
    here, shown = real(directory), works_in[0]
    if _is(directory, works_in) or (shown.startswith(f"{here}/") and not shown.endswith(_DELETED)):
        return here
    moved = shown.endswith(_DELETED) or os.path.dirname(shown) == os.path.dirname(here)
    return working_directory(works_in, directory) or (shown if moved else "")


def working_directory(works_in: Cwd, directory: str) -> str:
    """Return the real path of the release of ``directory`` that a process works in, empty if it cannot be told.

    The sandbox may show it under another path, so all directories that the link in ``directory`` could have led to are
    asked whether they are it: those beside the one to which it leads now.
    """
    link = link_in(directory)
    if not link or works_in is None:
        return ""
    releases = os.path.dirname(real(link))
    for name in _names(releases):
        path = os.path.join(releases, name) + directory[len(link) :]
        if _is(path, works_in):
            return real(path)
    shown = works_in[0]
    is_deleted = shown.startswith(f"{releases}/") and shown.endswith(_DELETED)
    return shown[: -len(_DELETED)] if is_deleted else ""


def runs_elsewhere(works_in: Cwd, directory: str, links: Iterable[Sequence[str]]) -> bool:
    """Return whether a process works in another directory than the one ``directory`` is when ``links`` are as given."""
    for link, leads_to in links:
        if f"{directory}/".startswith(f"{link}/"):
            runs_in = working_directory(works_in, directory)
            wanted = os.path.join(os.path.dirname(link), leads_to) + directory[len(link) :]
            return runs_in != real(wanted) if runs_in else target(link) != leads_to
    return False


def is_missing(path: str) -> bool:
    """Return whether there is no directory ``path``."""
    return not os.path.isdir(path)


def _is(path: str, works_in: tuple[str, int, int]) -> bool:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return (status.st_dev, status.st_ino) == works_in[1:]
    return False


def _names(directory: str) -> list[str]:
    with contextlib.suppress(OSError), os.scandir(directory) as scan:
        return [entry.name for _number, entry in zip(range(_MOST_RELEASES), scan)]
    return []
