# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a stop from waiting for a message that a worker has read the half of.

A process of the pool sends results through a pipe, and the event loop reads what is there. When the connection to the
broker is lost, the event loop forgets what it began to read: ``Hub.reset`` in kombu/asynchronous/hub.py. The rest was
then taken for the beginning of a message of any length, for which a stop waited until it was killed, and a worker that
connected again as well. A stop also waited for the rest of a message whose process was killed while it wrote
(``ResultHandler._flush_outqueue`` in celery/concurrency/asynpool.py, Celery 5.3 to 5.7). So each message that was begun
is kept with its process, whoever reads on, and no read blocks.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Callable, Iterator

from celery.bootsteps import StartStopStep

PAUSE = 0.05  # seconds


class WholeResults(StartStopStep):
    """The step of a worker that mends how its pool reads results, when there is a pool and before it has work."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Mend it if the pool has processes and an event loop."""
        pool = getattr(parent.pool, "_pool", None)
        if hasattr(pool, "outbound_buffer"):
            Results(pool)


class Results:
    """The results that the processes of a ``pool`` send, and those that were begun to be read, by file descriptor."""

    def __init__(self, pool: Any) -> None:
        """Take the place of the methods of the ``pool`` that read."""
        handler = pool._result_handler
        self.owners = pool._fileno_to_outq
        self.read = handler._recv_message
        self.flush_original = pool.process_flush_queues
        self.callback = handler.on_state_change
        self.begun: dict[int, tuple[Any, Iterator[None]]] = {}
        handler._recv_message = self.receive
        handler._flush_outqueue = self.flush
        pool.process_flush_queues = self.flush_process

    def receive(self, add_reader: Any, fd: int, callback: Callable[[Any], None]) -> Iterator[None]:
        """Read a message, or on in the one that was begun; stop each time when there is no more to read yet."""
        process = self.owners.get(fd)
        owner, message = self.begun.pop(fd, (None, None))
        if message is None or owner is not process:
            message = self.read(add_reader, fd, callback)
        for _part in message:
            self.begun[fd] = process, message
            yield
            self.begun.pop(fd, None)

    def flush(self, fd: int, remove: Callable[[int], None], owners: Any, callback: Callable[[Any], None]) -> None:
        """Read what there is of a process while the worker stops; ``remove`` one that is gone."""
        process = owners.get(fd)
        try:
            if process is None:
                remove(fd)
            else:
                self.advance(process, fd, callback, PAUSE)
        except (OSError, EOFError):
            remove(fd)

    def flush_process(self, process: Any) -> None:
        """Read what a ``process`` had to say that has ended, unless it ended in the middle of it."""
        with suppress(OSError, EOFError):
            fd = process.outq._reader.fileno()
            while self.begun.get(fd, (None,))[0] is process:
                if not self.advance(process, fd, self.callback, 0):
                    del self.begun[fd]
                    return
        self.flush_original(process)

    def advance(self, process: Any, fd: int, callback: Callable[[Any], None], pause: float) -> bool:
        """Return whether something came within ``pause`` seconds, and read it."""
        ready: bool = process.outq._reader.poll(pause)
        if ready:
            next(self.receive(lambda *_: None, fd, callback), None)
        return ready
