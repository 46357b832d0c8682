# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many tasks a worker runs at the same time, as Celery reads its options. Touches nothing."""

from __future__ import annotations


def scale(autoscale: str) -> tuple[int, ...]:
    """Return the maximum and the minimum, in whichever order they are written; nothing for what Celery refuses."""
    written = [number.strip() for number in autoscale.split(",")]
    if len(written) > 2 or not all(number.isdecimal() for number in written):
        return ()
    return tuple(sorted(map(int, [*written, "0"][:2]), reverse=True))


def is_one(concurrency: str, autoscale: str, pool: str) -> bool:
    """Return whether a worker has room for one task, so that somebody may use it as a lock.

    Celery prefers ``autoscale`` to ``concurrency``.
    """
    return pool == "solo" or next(iter(scale(autoscale) or scale(concurrency)), 0) == 1
