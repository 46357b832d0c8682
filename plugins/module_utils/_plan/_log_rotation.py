# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether logrotate would rotate a log file twice: then it refuses both files, every night. Touches nothing."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
from typing import Iterable, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File, environment

DIRECTORY = "/etc/logrotate.d"
_SCRIPT = re.compile(r"(?ms)^\s*(?:pre|post|first|last|preremove)\w*\s*$.*?^\s*endscript\s*$")
_BLOCK = re.compile(r"\{[^}]*\}")
_COMMENT = re.compile(r"(?m)^\s*#.*$")


def problems(files: Iterable[File], directory: str, others: Mapping[str, str]) -> list[str]:
    """Return why the rotations in ``files``, which are in ``directory``, cannot be, with ``others`` there by path."""
    wanted = {file.path: file for file in files if os.path.dirname(file.path) == directory}
    texts = {path: file.content.decode("utf-8", "replace") for path, file in wanted.items()}
    result = []
    for path, text in texts.items():
        for other, theirs in {**others, **texts}.items():
            twice = sorted({own for own in patterns(text) for their in patterns(theirs) if overlap(own, their)})
            if twice and other != path and (other not in texts or other > path):
                variable = f"celery_{environment(wanted[path].content)}"
                result.append(
                    f"{other} rotates {', '.join(twice)}, and so would {path}: logrotate refuses both. Take it out of "
                    f"the first, or write another log_file in {variable}, for example with %n in its name."
                )
    return result


def patterns(text: str) -> list[str]:
    """Return the patterns of the log files that a file of logrotate names."""
    outside = _BLOCK.sub("\n", _SCRIPT.sub("", _COMMENT.sub("", text)))
    lines = [line.strip() for line in outside.splitlines() if line.strip().startswith(("/", '"/', "'/"))]
    return [word for line in lines for word in _words(line) if word.startswith("/")]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def overlap(one: str, other: str) -> bool:
    """Return whether a file of one pattern can be one of the other. A star does not reach beyond a directory."""
    parts, others = one.split("/"), other.split("/")
    if len(parts) != len(others):
        return False
    return all(fnmatch.fnmatchcase(a, b) or fnmatch.fnmatchcase(b, a) for a, b in zip(parts, others))
