# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that are counted on the hosts that run them, so that none can be lost or run twice unseen."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from tests.fleet import Service, on_host, python

SEND = """
import importlib, json, sys

environment, wanted = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, f"/home/{environment}/edc")
app = importlib.import_module(f"meta_edc.celery.{environment}").app
with app.producer_pool.acquire() as producer:
    for queue, path, first, count, seconds in wanted:
        for number in range(first, first + count):
            arguments = (path, number, seconds)
            app.send_task("meta_edc.tasks.work", arguments, queue=queue, producer=producer, ignore_result=True)
print("null")
"""
_records = itertools.count()
Item = TypeVar("Item")
Result = TypeVar("Result")


def eventually(what: str, look: Callable[[], bool], seconds: float) -> None:
    """Wait until ``look`` returns True; raise AssertionError with ``what`` after so many seconds."""
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.5)


@dataclass
class Work:
    """Tasks for the queue of one worker, and what the worker has recorded of them on its host.

    The worker consumes a queue that is named after it and its host, and which no other worker consumes, unless another
    one is named.
    """

    worker: Service
    sent: int = 0
    named_queue: str = ""
    record: str = field(default_factory=lambda: f"work-{time.time_ns()}-{next(_records)}")

    @property
    def queue(self) -> str:
        """The queue."""
        return self.named_queue or f"{self.worker.name}-{self.worker.host}"

    @property
    def path(self) -> str:
        """The file with the record."""
        return f"/var/lib/celery-{self.worker.environment}/{self.record}"

    def recorded(self, event: str) -> Counter[int]:
        """Return how often each task has ``begun`` or is ``done``."""
        return recorded([self], event)[0]

    def wait(self, event: str, seconds: float, count: int | None = None) -> None:
        """Wait until so many, by default all that were sent, have ``begun`` or are ``done``."""
        wait_for_all([self], event, seconds, count)

    def assert_each_done_once(self) -> None:
        """Compare what was begun and done with what was sent."""
        assert_each_done_once([self])


def recorded(works: Sequence[Work], event: str) -> list[Counter[int]]:
    """Return for each of the works how often each task has ``begun`` or is ``done``, with one look at each host."""
    counts: dict[str, Counter[int]] = {work.path: Counter() for work in works}
    for host in {work.worker.host for work in works}:
        paths = [work.path for work in works if work.worker.host == host]
        # A record that is not there yet is empty.
        for line in on_host(host, "sh", "-c", 'grep -sH "^$0 " "$@" || true', event, *paths).splitlines():
            path, _colon, entry = line.partition(":")
            counts[path][int(entry.split()[1])] += 1
    return list(counts.values())


def wait_for_all(works: Sequence[Work], event: str, seconds: float, count: int | None = None) -> None:
    """Wait until so many tasks of each worker, by default all that were sent, have ``begun`` or are ``done``."""

    def enough() -> bool:
        wanted = [work.sent if count is None else count for work in works]
        return all(len(found) >= number for found, number in zip(recorded(works, event), wanted, strict=True))

    units = ", ".join(f"{work.worker.unit} on {work.worker.host}" for work in works)
    eventually(f"{count or 'all'} tasks {event}: {units}", enough, seconds)


def assert_each_done_once(works: Sequence[Work]) -> None:
    """Compare what was begun and done with what was sent."""
    sent = [Counter(range(work.sent)) for work in works]
    assert (recorded(works, "begun"), recorded(works, "done")) == (sent, sent), [work.worker for work in works]


def send(works: Sequence[Work], count: int, seconds: float) -> None:
    """Send each of the workers, all of one environment, so many tasks that take so many seconds each."""
    wanted = [(work.queue, work.path, work.sent, count, seconds) for work in works]
    sender = works[0].worker
    python(sender, SEND, sender.environment, json.dumps(wanted))
    for work in works:
        work.sent += count


def send_new(workers: Iterable[Service], count: int, seconds: float) -> list[Work]:
    """Send tasks with a record of their own."""
    works = [Work(worker) for worker in workers]
    send(works, count, seconds)
    return works


def run_tasks(workers: Iterable[Service], seconds: float = 60) -> None:
    """Let each worker run a task, which must be done after so many seconds."""
    works = send_new(workers, count=1, seconds=0)
    wait_for_all(works, "done", seconds)
    assert_each_done_once(works)


def together(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call a function for all items at once and return what it returns for each."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(function, items))
