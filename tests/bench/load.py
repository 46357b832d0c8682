# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks for a set-up, and what they leave behind: each writes on the host when it begins and when it is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.fleet import APP, on_host

HOST = "app1"
DIRECTORY = "/var/lib/bench"
BROKER = "redis://live:only-for-the-tests-live@broker1:6379/1"
PYTHON = "/home/live/edc/.venv/bin/python"

SEND = (
    APP
    + """
queue, path, durations = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
for number, seconds in enumerate(durations):
    app.send_task("meta_edc.tasks.work", args=[path, number, seconds], queue=queue)
print("null")
"""
)
STEADY = (
    APP
    + """
import time

queue, path, stop, rate = sys.argv[1:]
sent, began = [], time.time()
while not os.path.exists(stop):
    sent.append(time.time())
    app.send_task("meta_edc.tasks.work", args=[path, len(sent) - 1, 0.01], queue=queue)
    time.sleep(max(0.0, began + len(sent) / float(rate) - time.time()))
print(json.dumps(sent))
"""
)
STORE = """
import os, redis

store = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])
"""
WAITING = (
    STORE
    + """
print(store.llen("live:celery") + store.llen("live:my-queue") + store.hlen("live:unacked"))
"""
)
SCHEDULED = (
    STORE
    + """
print(store.llen("live:ticks") + store.llen("live:celery"))
"""
)
FORGET = (
    STORE
    + """
print(store.delete("live:celery", "live:my-queue", "live:unacked", "live:unacked_index"))
"""
)


@dataclass(frozen=True)
class Line:
    """What a task has written: it has begun, or it is done; and the main process of the node that runs it."""

    event: str
    number: int
    time: float
    node: str
    main: int


def send(queue: str, name: str, durations: list[float]) -> None:
    """Send tasks of these durations, in seconds; they write into the ledger of that name."""
    _python(SEND, queue, f"{DIRECTORY}/{name}", json.dumps(durations))


@contextmanager
def steady(queue: str, name: str, per_second: float) -> Iterator[list[float]]:
    """Send tasks of 0.01 s at a constant rate until the block ends; the list then has the times of sending."""
    sent: list[float] = []
    stop = f"{DIRECTORY}/{name}-stop"
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(_python, STEADY, queue, f"{DIRECTORY}/{name}", stop, str(per_second))
        try:
            yield sent
        finally:
            on_host(HOST, "touch", stop)
        sent += sending.result()


def ledger(name: str) -> list[Line]:
    """Return what tasks have written into a ledger, in the order of time."""
    text = on_host(HOST, "sh", "-c", f"touch {DIRECTORY}/{name} && cat {DIRECTORY}/{name}", user="live")
    fields = [line.split() for line in text.splitlines()]
    return [Line(event, int(number), float(at), node, int(main)) for event, number, at, node, main, *_rest in fields]


def waiting() -> int:
    """Return how many tasks the broker has for the workers, or has given to them and may give again."""
    return int(_python(WAITING))


def scheduled() -> int:
    """Return how many tasks beat has sent, as long as all of them have been run or wait in the queue."""
    return int(_python(SCHEDULED))


def forget_tasks() -> None:
    """Remove all tasks that the broker has."""
    _python(FORGET)


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition is true; return whether it became true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.3)
    return True


def _python(script: str, *arguments: str) -> Any:
    command = ("env", f"CELERY_BROKER_URL={BROKER}", f"CELERY_RESULT_BACKEND={BROKER}", PYTHON, "-", *arguments)
    return json.loads(on_host(HOST, *command, user="live", stdin=script))
