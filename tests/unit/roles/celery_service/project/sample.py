# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Celery application whose broker goes away when a file does, and which does what its environment says."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from billiard import connection
from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES, memory
from kombu.utils import functional
from tornado.ioloop import IOLoop

DIRECTORY = Path(os.environ["SAMPLE_DIRECTORY"])
AWAY = DIRECTORY / "away"


class Channel(memory.Channel):
    """A channel that writes down who asks for how many tasks in advance."""

    def basic_qos(self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False) -> None:
        with (DIRECTORY / "asked").open("a") as asked:
            asked.write(f"{threading.current_thread().name} {prefetch_count}\n")
        super().basic_qos(prefetch_size, prefetch_count, apply_global)


class Transport(memory.Transport):
    """A broker in the process itself, which refuses and drops connections while the file AWAY exists."""

    connection_errors = (ConnectionError,)

    def establish_connection(self) -> Any:
        if AWAY.exists():
            raise ConnectionRefusedError
        return super().establish_connection()

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> Any:
        if AWAY.exists():
            raise ConnectionResetError
        return super().drain_events(connection, timeout=0.1)


class LoopedTransport(Transport):
    """The same for a worker with an event loop, as for Redis and RabbitMQ."""

    Channel = Channel
    implements = memory.Transport.implements.extend(asynchronous=True)

    def qos_semantics_matches_spec(self, _connection: Any) -> bool:
        """Say that it can be changed how many tasks are taken in advance, as with RabbitMQ."""
        return False

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        loop.call_repeatedly(0.1, self.poll, connection)

    def poll(self, connection: Any) -> None:
        """Receive what is there."""
        with contextlib.suppress(TimeoutError):
            self.drain_events(connection)


def sleep_shortly(seconds: float) -> None:
    """Let Celery, which tries to connect every few seconds, do so sooner."""
    time.sleep(seconds / 20)


functional.__dict__["sleep"] = sleep_shortly
TRANSPORT_ALIASES.update(sample="sample:Transport", looped="sample:LoopedTransport")
app = Celery("sample", broker=f"{os.environ.get('TRANSPORT', 'sample')}://user:secret@broker.example//")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"polling_interval": 0.05},
    beat_schedule={"nap": {"task": "sample.nap", "schedule": 2.0, "args": [0]}},
)


@app.task
def nap(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


@app.task
def spin(seconds: float) -> None:
    """Leave no time to anybody else in the thread."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@app.task
def halve(after: str = "") -> None:
    """Write only the half of the message that this is done, after a file is there; the rest comes when ``go`` is."""
    send = connection.Connection._send

    def send_halves(self: Any, text: bytes, **_: Any) -> None:
        connection.Connection._send = send
        await_file(after)
        send(self, text[: len(text) // 2])
        (DIRECTORY / "half").write_text(str(os.getpid()))
        await_file("go")
        send(self, text[len(text) // 2 :])

    connection.Connection._send = send_halves


def await_file(name: str) -> None:
    """Wait until a file is there."""
    while not (DIRECTORY / name).exists():
        time.sleep(0.05)


@app.task
def hold(name: str) -> None:
    """Run until a file is there."""
    await_file(name)


@app.task
def write_environment() -> None:
    """Write down what a program that a task starts would inherit."""
    (DIRECTORY / "environment").write_text(json.dumps(dict(os.environ)))


@signals.worker_ready.connect(weak=False)
def begin(sender: Any, **_: Any) -> None:
    """Send the tasks in TASKS, then freeze the main loop for FREEZE seconds."""
    for name, *arguments in json.loads(os.environ.get("TASKS", "[]")):
        app.tasks[f"sample.{name}"].delay(*arguments)
    if "FREEZE" in os.environ:
        sender.call_soon(freeze, float(os.environ["FREEZE"]))


@signals.import_modules.connect(weak=False)
def begin_flower(**_: Any) -> None:
    """Freeze the main loop of Flower for FREEZE seconds."""
    if "FREEZE" in os.environ and "flower" in sys.argv:
        IOLoop.current().call_later(2, freeze, float(os.environ["FREEZE"]))


def freeze(seconds: float) -> None:
    """Hang."""
    spin.run(seconds)
