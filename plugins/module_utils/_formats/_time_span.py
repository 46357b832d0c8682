# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time spans as systemd writes and reads them: systemd.time(7)."""

from __future__ import annotations

import math
import re

_UNITS = {
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6,
    "ms": 1e-3, "msec": 1e-3,
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_LONGEST_IMPORT = 3600.0
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zµ]*)")


def of_import(start_timeout: str, least: float) -> float:
    """Seconds that importing an application may take which has ``start_timeout`` to start, ``least`` in any case."""
    span = seconds(start_timeout)
    return least if span is None else max(least, min(span or math.inf, _LONGEST_IMPORT))


def seconds(text: str) -> float | None:
    """Return how long ``text`` is, as in ``90``, ``1min 30s`` or ``infinity``; None for what is no time span."""
    if text.strip() == "infinity":
        return math.inf
    total, position = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != position or part[2] not in _UNITS:
            return None
        total, position = total + float(part[1]) * _UNITS[part[2]], part.end()
    return total if position and not text[position:].strip() else None
