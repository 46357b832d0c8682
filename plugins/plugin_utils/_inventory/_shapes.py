# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What strings and numbers may be, by the key that has them, wherever in an environment it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST = 2**31 - 1  # what Celery, its pools and systemd all take
LONGEST = 4096  # bytes of a string; paths may have no more, and command lines are made of several


@dataclass(frozen=True)
class Range:
    """The numbers that a key takes, and what a smaller one would do."""

    lowest: int = 1
    highest: int = LARGEST
    reason: str = ""


@dataclass(frozen=True)
class Shape:
    """The strings that a key takes, and an example for people."""

    pattern: re.Pattern[str]
    wanted: str


_A_STOP = "A worker needs a few seconds to stop and would be killed with its tasks. "
_OTHER = Range()
_RANGES: Mapping[str, Range] = {
    "count": Range(1, 1000),
    "port": Range(1024, 65535),
    "prefetch_multiplier": Range(lowest=0),
    "stop_timeout": Range(lowest=10, reason=_A_STOP),
    "watchdog": Range(lowest=0),
}
_CLASS = Shape(re.compile(r"\w[\w.:-]*"), "a class with its module")
_SHAPES: Mapping[str, Shape] = {
    "address": Shape(re.compile(r"[A-Za-z0-9_.:%-]*|\[[A-Fa-f0-9:.]+\]"), "a name or an address"),
    "app": Shape(re.compile(r"\w[\w.-]*(:\w[\w.]*)?"), "a module and its application, as meta_edc.celery.live:app"),
    "auth_provider": _CLASS,
    "maxsize": Shape(
        re.compile(r"(?=.*[1-9])([0-9]{1,12}|[0-9]{1,6}[kMG])"), "bytes, or a number with k, M or G, as 30M"
    ),
    "node": Shape(
        re.compile(r"([A-Za-z0-9_]|%[hnd%])([A-Za-z0-9_.-]|%[hnd%])*(@([A-Za-z0-9_.-]|%[hnd%])+)?"),
        "letters, digits, _, . and -, with @ before the host and %h, %n or %d of Celery, as w1@%h",
    ),
    "scheduler": _CLASS,
}


def range_of(key: str) -> Range:
    """Return the numbers that a key takes."""
    return _RANGES.get(key, _OTHER)


def problem_of_number(key: str, number: int) -> str | None:
    """Return what is wrong with the number of a key, and what to write."""
    allowed = range_of(key)
    if allowed.lowest <= number <= allowed.highest:
        return None
    if allowed.highest < LARGEST:
        limits = f"one from {allowed.lowest} to {allowed.highest}"
    else:
        limits = f"{allowed.lowest} or more" if number < allowed.lowest else f"at most {LARGEST}"
    reason = allowed.reason if number < allowed.lowest else ""
    return f"is {number if abs(number) < 10**20 else 'too large'}. {reason}Write {limits}."


def problem_of_string(key: str, text: str) -> str | None:
    """Return what is wrong with the string of a key, and what to write."""
    size = len(text.encode("utf-8", "replace"))
    if size > LONGEST:
        return f"is {size} bytes long, of at most {LONGEST}. Write a shorter one."
    shape = _SHAPES.get(key)
    return f"is {text!r}. Write {shape.wanted}." if shape and not shape.pattern.fullmatch(text) else None
