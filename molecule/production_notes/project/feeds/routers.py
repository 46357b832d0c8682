# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of this app have a queue of their own."""

from __future__ import annotations

from typing import Any


class CeleryTaskRouter:
    """Sends tasks to queues by their names."""

    def route_for_task(self, task: str, *_: Any, **__: Any) -> str | None:
        """Return the queue of a task of this app."""
        return "feeds" if task.startswith("feeds.") else None
