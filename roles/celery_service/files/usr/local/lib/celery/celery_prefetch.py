# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leave the connection to the broker to the main loop, in whatever thread or greenlet a task ends.

After a loss of the connection Celery takes fewer tasks in advance, and more again with each task that is done. It asks
RabbitMQ for that where the task has ended, and waits for the answer: with the pool threads, that thread and the main
loop read from one connection then, and each gets a part of what the other waits for. The worker consumes no more, with
a process at work for nothing (``_restore_prefetch_count_after_connection_restart`` in
celery/worker/consumer/consumer.py, Celery 5.7).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.bootsteps import StartStopStep

NAME = "_restore_prefetch_count_after_connection_restart"


class PrefetchInLoop(StartStopStep):
    """The step of a worker that lets its main loop ask for tasks."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Put off what Celery does at once; older versions do not do it."""
        restore = getattr(parent.consumer, NAME, None)
        if restore:
            setattr(parent.consumer, NAME, partial(parent.consumer.call_soon, restore))
