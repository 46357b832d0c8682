# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a worker drain while a new process has taken its place: without new tasks, and for as long as its tasks take.

A stop of Celery gives reserved tasks back when it ends, after the longest task. So a worker that drains goes on with
its event loop, which keeps its connections alive and acknowledges what ends; it only consumes no more, gives back at
once what it has not begun, and leaves remote control and its heartbeat to the new process, which has the same name.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, Iterator, NoReturn

from celery.bootsteps import StartStopStep
from celery.exceptions import TaskRevokedError
from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.consumer.control import Control
from celery.worker.consumer.gossip import Gossip
from celery.worker.request import Request
from celery_overlap import Overlap

logger = get_logger(__name__)


class GivenBackError(TaskRevokedError):
    """A task goes back to the broker; Celery passes over those that are revoked in the same place."""


class Drain(StartStopStep):
    """The step of a worker that waits for what ``overlap`` says, from when there is a pool and before it has work."""

    requires = ("celery.worker.components:Pool",)
    overlap: Overlap
    current: Drain

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        """Be found by what runs in the main loop."""
        super().__init__(parent, **kwargs)
        type(self).current = self
        self.is_quiet = False
        self.gate: Gate | None = None
        self.control: Any = None

    def start(self, parent: Any) -> None:
        """Watch what goes into the pool, and put the remote control off in a process that is not the main one yet."""
        if not hasattr(getattr(parent.pool, "_pool", None), "outbound_buffer"):
            self.gate = Gate(parent.pool)
        for step in parent.consumer.steps:
            if isinstance(step, Control) and not self.overlap.may_control:
                self.control = LateControl(step, self.overlap)

    def look(self, consumer: Any) -> None:
        """Let the main loop do what there is to do; called regularly, in the main loop or by a thread or greenlet."""
        if not self.overlap.must_drain and not (self.control and self.control.is_due):
            return
        if self.overlap.must_drain and self.gate:
            self.gate.close()
        if consumer.hub:
            self.turn(consumer)
        else:
            consumer.call_soon(self.turn, consumer)

    def turn(self, consumer: Any) -> None:
        """Do it in the main loop."""
        if self.control and self.control.is_due:
            self.control.begin(consumer)
        if not self.overlap.must_drain:
            return
        if not self.is_quiet:
            self.is_quiet = True
            stop_consuming(consumer)
            requests = {*waiting(consumer), *(self.gate.close() if self.gate else ())}
            for request in requests:
                give_back(request)
            logger.info("Draining: consumes no more, gave %d reserved tasks back", len(requests))
            self.overlap.begin_to_drain()
        elif not state.reserved_requests and not state.active_requests:
            state.should_stop = 0


class LateControl:
    """The remote control of a new process: RabbitMQ has one queue for each name, and the old process may have it."""

    def __init__(self, step: Any, overlap: Overlap) -> None:
        """Take the place of what starts the ``step``."""
        self.overlap = overlap
        self.start_original = step.start
        self.is_open = False
        self.is_wanted = False
        step.start = self.start
        if hasattr(step.box, "loop"):  # that of green pools starts in a greenlet of its own
            self.loop_original = step.box.loop
            step.box.loop = self.loop

    @property
    def is_due(self) -> bool:
        """Whether there is something to start."""
        return self.is_wanted and self.overlap.may_control

    def start(self, consumer: Any) -> None:
        """Start later, or again after a loss of the connection."""
        self.is_wanted = True
        if self.is_due:
            self.begin(consumer)

    def begin(self, consumer: Any) -> None:
        """Start, or try again later if the old process still has the queue."""
        with suppress(*consumer.channel_errors):
            self.start_original(consumer)
            self.is_wanted = False

    def loop(self, consumer: Any) -> None:
        """Run the loop of a green pool, or try again later."""
        try:
            self.loop_original(consumer)
        except consumer.channel_errors:
            self.is_wanted = True


class Gate:
    """The way into a pool that takes more tasks than it can begin (threads), or in which a task waits for its turn."""

    def __init__(self, pool: Any) -> None:
        """Take the place of what the ``pool`` is given tasks by."""
        self.pool = pool
        self.apply_original = pool.on_apply
        self.is_closed = False
        self.futures: dict[Any, Any] = {}
        self.held: set[Any] = set()
        self.greenlets: set[Any] = set()
        pool.on_apply = self.apply

    def apply(self, *args: Any, accept_callback: Any = None, **kwargs: Any) -> Any:
        """Let a task in, or give it back."""
        request = getattr(accept_callback, "__self__", None)
        if self.is_closed and isinstance(request, Request):
            self.refuse(request)
        greenlet = self.pool.getcurrent() if self.pool.is_green else None
        self.greenlets.add(greenlet)
        try:
            result = self.apply_original(*args, accept_callback=accept_callback, **kwargs)
        except GivenBackError:
            self.refuse(request)
        finally:
            self.greenlets.discard(greenlet)
        future = getattr(result, "f", None)
        if future is not None:
            self.futures[future] = request
            future.add_done_callback(lambda done: self.futures.pop(done, None))
        return result

    def refuse(self, request: Any) -> NoReturn:
        """Give a task back that was about to enter."""
        give_back(request)
        raise GivenBackError(request.id)

    def close(self) -> set[Any]:
        """Let no more in, and return the tasks that had come in and have not begun."""
        self.is_closed = True
        for future, request in list(self.futures.items()):
            if isinstance(request, Request) and future.cancel():
                self.held.add(request)
        for greenlet in self.greenlets - {None}:
            wake(greenlet)
        return self.held


def wake(greenlet: Any) -> None:
    """Let a greenlet that waits for its turn give its task back."""
    library: Any = sys.modules.get("gevent") or sys.modules["eventlet"]
    library.kill(greenlet, GivenBackError)


def stop_consuming(consumer: Any) -> None:
    """Take no more from any queue, also after a loss of the connection, and leave the name to the new process."""
    consumer.task_consumer.on_message = lambda message: message.reject(requeue=True)
    for queue in list(consumer.app.amqp.queues.consume_from):
        consumer.cancel_task_queue(queue)
    heart, consumer.heart = consumer.heart, None
    if heart and heart.tref:
        heart.timer.cancel(heart.tref)  # and no event that the worker is offline
    for step in [step for step in consumer.steps if isinstance(step, (Control, Gossip))]:
        step.stop(consumer)
        consumer.steps.remove(step)
    consumer.steps[:] = [step for step in consumer.steps if step.alias not in ("Heart", "Mingle")]
    consumer.blueprint.started = len(consumer.steps)


def waiting(consumer: Any) -> Iterator[Any]:
    """Take out and yield the tasks that wait for a process, for their time or for their rate."""
    semaphore = consumer.controller.semaphore
    if semaphore:
        for _callback, arguments, _keywords in semaphore._waiting:
            yield from (one for one in arguments if isinstance(one, Request))
        semaphore._waiting.clear()
    for bucket in filter(None, list(consumer.task_buckets.values())):
        yield from (request for request, _tokens in bucket.contents)
        bucket.clear_pending()
    for item in list(consumer.timer.queue):
        requests = [one for one in item.entry.args if isinstance(one, Request)]
        if requests:
            consumer.timer.cancel(item if hasattr(item, "cancel") else item.entry)
            yield from requests


def give_back(request: Any) -> None:
    """Put a task back into its queue."""
    request.reject(requeue=True)
    state.task_ready(request)
