# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a stop from letting a task run twice.

A worker that stops gives back to the broker what no process of its pool has accepted. A task that was written to a
process a moment ago is among it, though that process runs it: ``AsynPool.flush`` in celery/concurrency/asynpool.py. On
a busy host a restart right after the start of a task doubled it about once in five times (Celery 5.7, Redis, prefork).
So the worker reads, before it stops, what its processes have to say of the tasks that they were given.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress
from types import GeneratorType
from typing import Any

from celery.bootsteps import StartStopStep

PATIENCE = 5.0  # seconds; a process answers at once unless it hangs or dies
PAUSE_MS = 50


class Settle(StartStopStep):
    """The step of a worker that settles which tasks its processes have, before the consumer stops."""

    requires = ("celery.worker.components:Pool",)

    def close(self, parent: Any) -> None:
        """Settle it if the pool has processes and an event loop; other pools take a task over in one go."""
        pool = getattr(parent.pool, "_pool", None)
        if hasattr(pool, "outbound_buffer"):
            settle(pool, parent.hub)


def settle(pool: Any, hub: Any) -> None:
    """Do the event loop's part until each task that the ``pool`` began to write to a process is accepted."""
    until = time.monotonic() + PATIENCE
    while any(map(is_pending, list(pool._cache.values()))) and time.monotonic() < until:
        poller = select.poll()
        for fd in pool._fileno_to_outq:
            poller.register(fd, select.POLLIN)
        for fd, _event in poller.poll(PAUSE_MS):
            advance(*hub.readers.get(fd, (pool.handle_result_event, (fd,))))
        for writer in list(pool._active_writers):
            advance(writer, ())


def is_pending(job: Any) -> bool:
    """Return whether a ``job`` was begun to be written to a process that lives, and is not accepted."""
    return job._write_to is not None and not job._accepted and job._write_to._is_alive()


def advance(handler: Any, arguments: Any) -> None:
    """Call a ``handler`` of the event loop, which may be a generator; a process that is gone is no error."""
    with suppress(OSError):
        if isinstance(handler, GeneratorType):
            next(handler, None)
        else:
            handler(*arguments)
