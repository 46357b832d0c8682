# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_AGES = ((86400 * 2, 86400, "d"), (3600, 3600, "h"), (60, 60, "m"), (0, 1, "s"))  # from so many seconds on, in units
_UNKNOWN = "?"


def ago(moment: str, seen: str, now: datetime) -> str:
    """Return how long ago a moment (ISO 8601) was, as ``5h ago``; empty without one.

    :param seen: when the host that has named the moment was looked at, by the same clock; ``now`` if it does not say.
    """
    parsed = _parsed(moment)
    if parsed is None:
        return _UNKNOWN if moment else ""
    seconds = max(int(((_parsed(seen) or now) - parsed).total_seconds()), 0)
    _least, size, unit = next(age for age in _AGES if seconds >= age[0])
    return f"{seconds // size}{unit} ago"


def clock(moment: str) -> str:
    """Return a moment (ISO 8601) as ``2026-11-21 09:30:00 UTC``; empty without one."""
    parsed = _parsed(moment)
    return f"{parsed:%Y-%m-%d %H:%M:%S} UTC" if parsed else ""


def memory(size: int | None) -> str:
    """Return a number of bytes in MiB or GiB; empty for None."""
    if size is None:
        return ""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def number(value: int | None) -> str:
    """Return a number, or a question mark for one that nobody knows."""
    return _UNKNOWN if value is None else str(value)


def plural(count: int, singular: str) -> str:
    """Return a count with its noun, as ``1 host`` and ``2 hosts``."""
    return f"{count} {singular}{'' if count == 1 else 's'}"


def _parsed(moment: str) -> datetime | None:
    """Return a moment, None for what is none."""
    try:
        parsed = datetime.fromisoformat(moment)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
