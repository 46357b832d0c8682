# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a soak: sending tasks to their workers, and reading what became of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from amqp.exceptions import AMQPError
from celery import Celery
from kombu.exceptions import OperationalError

from tests.fleet import Service, environ, on_host, service
from tests.hosts.boot import podman
from tests.hosts.enter import first_process
from tests.soak.draw import Lane
from tests.soak.ledger import Batch, Event
from tests.work import eventually

PATIENCE = 300.0  # seconds until a task that is still somewhere is called lost
QUIET = 20.0  # seconds in which nobody has a task until it is called lost
SLOWER = 1.0  # seconds from one task to the next
READY = 180.0  # seconds until a worker is at work again and alone
TICKS = 100  # of the kernel in a second, as proc(5) shows them
BROKER = "broker1"
TIMEOUTS = {"socket_timeout": 5, "socket_connect_timeout": 5}
ERRORS = (AMQPError, OperationalError, OSError, redis.RedisError)


class Broker:
    """The broker of an environment, reached from the machine: what happens to the hosts does not harm this."""

    unit = "redis-server.service"

    def __init__(self, url: str) -> None:
        """:param url: as the workers have it."""
        host = str(urlsplit(url).hostname)
        self.url = url.replace(f"@{host}", f"@{address(host)}")
        self.app = Celery(broker=self.url)
        self.prepare()

    def prepare(self) -> None:
        """Get ready to ask it."""
        self.prefix = f"{urlsplit(self.url).username}:"
        self.client: Any = redis.Redis.from_url(self.url, **TIMEOUTS)
        self.app.conf.broker_transport_options = {"global_keyprefix": self.prefix, **TIMEOUTS}

    def waiting(self, queue: str) -> int:
        """Return how many tasks of a queue the broker has, those that it has given to a worker included."""
        given = [json.loads(one)[2] for one in self.client.hvals(f"{self.prefix}unacked")]
        return int(self.client.llen(f"{self.prefix}{queue}")) + given.count(queue)

    def send(self, batch: Batch, record: str, over: threading.Event) -> None:
        """Send a worker its tasks, the second half slowly until the fault is over; leave out what cannot be sent."""
        connection: Any = None
        tasks = batch.fault.tasks[batch.lane]
        for place, task in enumerate(tasks):
            time.sleep(task.pause)
            if place > len(tasks) // 2:
                over.wait(SLOWER)
            name = "meta_edc.tasks.work_late" if task.late else "meta_edc.tasks.work"
            arguments = (record, task.number, task.seconds)
            try:
                connection = connection or self.connect()
                at = time.monotonic()
                self.app.send_task(
                    name, arguments, queue=batch.lane.queue, connection=connection, retry=False, ignore_result=True
                )
                batch.sent[task.number] = at
            except ERRORS:
                connection = None

    def connect(self) -> Any:
        """Return a new connection; raise one of ``ERRORS`` if there is none to be had."""
        connection = self.app.connection_for_write()
        connection.connect()
        return connection


class RabbitMQ(Broker):
    """RabbitMQ, which confirms what it got, and tells only of tasks that no worker has."""

    unit = "rabbitmq-server.service"

    def prepare(self) -> None:
        """Get ready to ask it."""
        self.app.conf.broker_transport_options = {"confirm_publish": True}

    def waiting(self, queue: str) -> int:
        """Return how many tasks of a queue wait for a worker."""
        with self.app.connection_for_read() as connection:
            declared = connection.default_channel.queue_declare(queue, passive=True)
            return int(declared.message_count)


class Field:
    """The hosts of a soak, and how a run deploys to them."""

    def __init__(self, lanes: Sequence[Lane], variables: Mapping[str, Any], outage: float) -> None:
        """Find the brokers.

        :param variables: those of all runs that are not in the inventory.
        :param outage: how many seconds the broker stays away.
        """
        self.variables = {**variables}
        self.outage = outage
        self.stamp = time.time_ns()
        urls = {lane.environment: environ(worker(lane))["CELERY_BROKER_URL"] for lane in lanes}
        self.brokers = {
            environment: (RabbitMQ if url.startswith("amqp:") else Broker)(url) for environment, url in urls.items()
        }

    @property
    def units(self) -> list[str]:
        """The services of the brokers."""
        return sorted({broker.unit for broker in self.brokers.values()})

    def deployed(self, number: int) -> dict[str, Any]:
        """Return the variables of a run of site.yml that changes one of all workers."""
        return {**self.variables, "deployed": str(number)}

    def record(self, batch: Batch) -> str:
        """Return the file in which the tasks of a batch write what becomes of them."""
        return f"/var/lib/celery-{batch.lane.environment}/soak-{self.stamp}-{batch.fault.number}-{batch.lane.name}"

    def send(self, batch: Batch, over: threading.Event) -> None:
        """Send the tasks of a batch."""
        self.brokers[batch.lane.environment].send(batch, self.record(batch), over)

    def settle(self, batch: Batch) -> None:
        """Wait until all tasks of a batch are done, or nobody has those that are not."""
        until = time.monotonic() + PATIENCE
        quiet_since = float("inf")
        while time.monotonic() < until:
            batch.events = events(root(batch.lane.host) / self.record(batch).lstrip("/"))
            if not self._is_quiet(batch):
                quiet_since = float("inf")
            elif not batch.unfinished():
                return
            else:
                quiet_since = min(quiet_since, time.monotonic())
                if time.monotonic() - quiet_since > (QUIET if batch.may_come() else 0):
                    return
            time.sleep(1)

    def _is_quiet(self, batch: Batch) -> bool:
        """Return whether neither the broker nor a process has a task of a batch."""
        try:
            waiting = self.brokers[batch.lane.environment].waiting(batch.lane.queue)
        except ERRORS:
            return False
        unfinished = {task.number for task in batch.unfinished()}
        begun = [event for event in batch.events if event.number in unfinished]
        return waiting == 0 and not (begun and are_running(batch.lane.host, begun))


def worker(lane: Lane) -> Service:
    """Return a worker as it is now."""
    return service(lane.host, lane.unit.removesuffix(".service"))


def wait_until_ready(lane: Lane) -> None:
    """Wait until a worker is at work, and no other process of it."""

    def is_ready() -> bool:
        shown = on_host(lane.host, "systemctl", "show", "--property=SubState,StatusText", lane.unit)
        return "SubState=running" in shown and "connected to" in shown and " drains " not in shown

    eventually(f"{lane} is ready", is_ready, READY)


def events(record: Path) -> list[Event]:
    """Return what tasks have written; a line that a power cut has left unfinished is none."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    fields = [line.split() for line in lines]
    return [Event(some[0], int(some[1]), float(some[5]), int(some[6])) for some in fields if len(some) == 7]


def are_running(host: str, begun: Sequence[Event]) -> bool:
    """Return whether a process is there in which one of these tasks has begun."""
    try:
        processes = Path(f"/proc/{first_process(host)}/root/proc")
    except LookupError:
        return False
    return any(is_running(processes / str(event.pid) / "stat", event.at) for event in begun)


def is_running(stat: Path, at: float) -> bool:
    """Return whether a process is there that was there at that time: another one may have its number."""
    try:
        fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[19]) / TICKS <= at


@cache
def root(host: str) -> Path:
    """Return where the files of a host are on the machine, also while it reboots."""
    return Path(podman("mount", host))


@cache
def address(host: str) -> str:
    """Return the address of a host."""
    return podman("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", host)
