# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sandbox of a unit hides of the host: systemd.exec(5). Touches nothing."""

from __future__ import annotations

import re
from typing import Iterable, Sequence

_HOMES = ("/home", "/root", "/run/user")
_HIDING = ("yes", "true", "on", "1", "tmpfs")


def is_below(path: str, directories: Iterable[str]) -> bool:
    """Return whether ``path`` is one of ``directories`` or in one of them."""
    return any(path == directory or path.startswith(f"{directory.rstrip('/')}/") for directory in directories)


def in_home(path: str) -> bool:
    """Return whether ``path`` is below a directory that ProtectHome= is about."""
    return is_below(path, _HOMES)


def hides(settings: Sequence[tuple[str, str]], path: str) -> bool:
    """Return whether a unit with these ``settings`` does not see ``path``, which is no link."""
    protection = [value for key, value in settings if key == "ProtectHome"]
    if not protection or protection[-1] not in _HIDING or not in_home(path):
        return False
    return not is_below(path, shown(settings))


def shown(settings: Sequence[tuple[str, str]]) -> list[str]:
    """Return the directories that a unit with these ``settings`` has bound, by the names under which it sees them."""
    paths: list[str] = []
    for key, value in settings:
        if key in ("BindPaths", "BindReadOnlyPaths"):
            paths += [_seen(word) for word in value.split()]
    return paths


def _seen(word: str) -> str:
    source, *target = re.split(r":", word.lstrip("-").replace("%%", "%"))
    return target[0] if target and target[0].startswith("/") else source
