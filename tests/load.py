# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A constant load on a queue of an environment, and how long its tasks waited."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fleet import Service, on_host, python
from tests.work import eventually

PER_SECOND = 50
SECONDS = 0.02  # that a task takes
SEND = """
import importlib, json, os, sys, time

directory, environment, record, stop, rate, seconds, queue = sys.argv[1:]
queue = {"queue": queue} if queue else {}
sys.path.insert(0, directory)
app = importlib.import_module(f"meta_edc.celery.{environment}").app
sent = []
with app.producer_pool.acquire() as producer:
    began = time.time()
    while not os.path.exists(stop):
        arguments = (record, len(sent), float(seconds))
        sent.append(time.time())
        app.send_task("meta_edc.tasks.work", arguments, producer=producer, ignore_result=True, **queue)
        time.sleep(max(0.0, began + len(sent) / float(rate) - time.time()))
print(json.dumps(sent))
"""


@dataclass
class Load:
    """Tasks that were sent, and what the hosts that ran them have recorded."""

    hosts: Sequence[str]
    record: str
    sent: list[float] = field(default_factory=list)

    def recorded(self, event: str) -> list[tuple[int, float]]:
        """Return number and time of each task that has ``begun`` or is ``done``."""
        command = f"test ! -e {self.record} || sed -n /^{event}/p {self.record}"
        lines = [line for host in self.hosts for line in on_host(host, "sh", "-c", command).splitlines()]
        return [(int(number), float(moment)) for _event, number, moment, *_rest in map(str.split, lines)]

    def assert_each_done_once(self) -> None:
        """Compare what was begun and done with what was sent; what still waits has half a minute."""
        eventually("all tasks done", lambda: len(self.recorded("done")) >= len(self.sent), 30)
        wanted = Counter(range(len(self.sent)))
        for event in ("begun", "done"):
            assert Counter(number for number, _moment in self.recorded(event)) == wanted

    def longest_wait(self) -> float:
        """Return the longest time in seconds that a task waited in the queue."""
        return max(moment - self.sent[number] for number, moment in self.recorded("begun"))


@contextmanager
def load(
    worker: Service,
    hosts: Sequence[str],
    directory: str,
    queue: str = "",
    per_second: float = PER_SECOND,
    seconds: float = SECONDS,
) -> Iterator[Load]:
    """Send tasks at a constant rate to a queue of a worker's environment, until the block ends.

    :param hosts: all hosts that work the queue.
    :param directory: the code, on the worker's host, from where the tasks are sent.
    :param queue: by default that of the application.
    :param seconds: that a task takes.
    """
    name = f"/var/lib/celery-{worker.environment}/load-{time.time_ns()}"
    stop = f"{name}-stop"
    found = Load(hosts, name)
    arguments = (directory, worker.environment, name, stop, str(per_second), str(seconds), queue)
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(python, worker, SEND, *arguments)
        try:
            eventually("the load works", lambda: len(found.recorded("done")) >= per_second, 30)
            yield found
        finally:
            on_host(worker.host, "touch", stop)
        found.sent = sending.result()
