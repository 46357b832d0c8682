# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that report where, by whom and through which queue they were run."""

from __future__ import annotations

import grp
import os
import pwd
import time
from typing import Any, TypedDict

import redis
from celery import Task, shared_task
from django.conf import settings

from meta_edc.probe import probe

__all__ = ["mark", "probe", "sleep", "tick", "whoami", "work", "work_late"]


class Report(TypedDict):
    """What the process that runs a task knows of itself."""

    environment: str
    node: str
    queue: str
    user: str
    group: str
    pid: int
    directory: str


@shared_task(bind=True)
def whoami(self: Task) -> Report:
    """Say who runs this task, and where."""
    return {
        "environment": settings.ENVIRONMENT,
        "node": self.request.hostname,
        "queue": self.request.delivery_info["routing_key"],
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "group": grp.getgrgid(os.getegid()).gr_name,
        "pid": os.getpid(),
        "directory": os.getcwd(),
    }


@shared_task(bind=True)
def sleep(self: Task, seconds: float) -> str:
    """Work for some seconds, then say which node it was."""
    time.sleep(seconds)
    node: str = self.request.hostname
    return node


@shared_task(bind=True)
def work(self: Task, path: str, number: int, seconds: float) -> None:
    """Work for some seconds; write into a file, which needs no broker, when it begins and when it is done."""
    for event, pause in (("begun", seconds), ("done", 0)):
        write(path, event, number, self.request.hostname)
        time.sleep(pause)


@shared_task(bind=True, acks_late=True, reject_on_worker_lost=True)
def work_late(self: Task, path: str, number: int, seconds: float) -> None:
    """Work as the other one does, but be acknowledged when it is done."""
    for event, pause in (("begun", seconds), ("done", 0)):
        write(path, event, number, self.request.hostname)
        time.sleep(pause)


def write(path: str, event: str, number: int, node: str) -> None:
    """Write what happens to a task, when by the clock, where, and when by a clock that nobody sets."""
    with open(path, "a", encoding="utf-8") as record:
        record.write(f"{event} {number} {time.time()} {node} {os.getppid()} {time.monotonic()} {os.getpid()}\n")


@shared_task
def mark(name: str, value: str) -> int:
    """Append a value to the environment's list ``name`` in Redis; return the length of the list."""
    length: int = redis.Redis.from_url(settings.CELERY_RESULT_BACKEND).rpush(f"{settings.ENVIRONMENT}:{name}", value)
    return length


@shared_task(bind=True)
def tick(self: Task) -> None:
    """Write down which process on which host sent this; beat sends it once a second."""
    redis.Redis.from_url(settings.CELERY_RESULT_BACKEND).rpush(f"{settings.ENVIRONMENT}:ticks", self.request.origin)


@shared_task
def run(program: str, function: str, *arguments: Any) -> Any:
    """Call a function of a program that the sender wrote: whatever a task of this environment can do."""
    names: dict[str, Any] = {}
    exec(compile(program, "program", "exec"), names)
    return names[function](*arguments)
