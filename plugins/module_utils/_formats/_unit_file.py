# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit files and drop-ins as text: systemd.syntax(7). Touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator

_SPECIFIER = re.compile(r"%[%a-zA-Z]")


@dataclass(frozen=True)
class DropIn:
    """A file that adds to a unit; ``general`` if it does so for all units of this kind."""

    path: str
    text: str
    general: bool


def expanded(value: str, unit: str) -> str:
    """``value`` without the specifiers that mean the name of ``unit``, as another unit can have it."""
    stem = unit.rpartition(".")[0]
    meanings = {"%n": unit, "%N": stem, "%p": stem, "%P": stem, "%j": stem.rpartition("-")[2], "%i": "", "%I": ""}
    return _SPECIFIER.sub(lambda found: meanings.get(found[0], found[0]), value)


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of every assignment in a unit file or a drop-in (systemd.syntax(7))."""
    section = ""
    for line in map(str.strip, re.sub(r"\\\n", " ", text).splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _equals, value = line.partition("=")
            yield section, key.strip(), value.strip()
