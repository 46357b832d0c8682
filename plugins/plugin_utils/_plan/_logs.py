# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log files: their directory, what logrotate has to look for, and whether it would find those of another service."""

from __future__ import annotations

import posixpath
import re
from functools import cache

# Celery's manual, Workers Guide, on --logfile; %I is empty in the main process, and a hyphen and the index in children.
_PLACEHOLDERS = {"%i": "[0-9]*", "%h": "*", "%d": "*", "%p": "*", "%%": "%"}
_OF_BEAT = {"%I": "", "%i": "0", "%%": "%"}  # as in the main process of a worker
_NODE_WITHOUT_NAME = "celery"
_ROTATED = ("", ".[0-9]", ".[0-9].gz", ".[0-9][0-9]", ".[0-9][0-9].gz")


def directory_of(log_file: str, own: str) -> str | None:
    """Return the directory of a log file, unless it is the one that systemd makes for the environment (``own``)."""
    directory = posixpath.dirname(log_file)
    return None if directory in ("", own) or directory.startswith(f"{own}/") else directory


def file_of_beat(log_file: str) -> str:
    """Return the log file of beat, which is no node: Celery leaves placeholders in its name as they are."""
    return re.sub("%.", lambda found: {"%n": "beat", **_OF_BEAT}.get(found[0], found[0]), log_file)


def patterns_of(log_file: str, node: str) -> list[str]:
    """Return the patterns of all files that a worker with this log file and node name writes, and of no other."""
    written = node.partition("@")[0] if "@" in node else _NODE_WITHOUT_NAME
    name = re.sub("%.", lambda found: _PLACEHOLDERS.get(found[0], "*"), written)
    variants = [log_file.replace("%I", index) for index in ("", "-[0-9]*")] if "%I" in log_file else [log_file]
    return [re.sub("%.", lambda found: _PLACEHOLDERS.get(found[0], name), variant) for variant in variants]


def overlap(one: str, other: str) -> bool:
    """Return whether a file can match two patterns, or what logrotate makes of a file of one matches the other."""
    if posixpath.dirname(one) != posixpath.dirname(other):
        return False
    rotated = [pair for suffix in _ROTATED for pair in ((one + suffix, other), (one, other + suffix))]
    return any(_meet(*pair) for pair in rotated)


def _meet(one: str, other: str) -> bool:
    first, second = (re.findall(r"\[0-9\]|.", posixpath.basename(pattern)) for pattern in (one, other))

    @cache
    def meet(i: int, j: int) -> bool:
        if first[i : i + 1] == ["*"]:
            return meet(i + 1, j) or (j < len(second) and meet(i, j + 1))
        if second[j : j + 1] == ["*"]:
            return meet(i, j + 1) or (i < len(first) and meet(i + 1, j))
        if i == len(first) or j == len(second):
            return i == len(first) and j == len(second)
        return _same(first[i], second[j]) and meet(i + 1, j + 1)

    return meet(0, 0)


def _same(one: str, other: str) -> bool:
    return one == other or any(a == "[0-9]" and b.isdecimal() for a, b in ((one, other), (other, one)))
