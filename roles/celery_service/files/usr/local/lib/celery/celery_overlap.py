# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker process knows of the others of its service, of which one is the main process.

A new one is started by celery_handover.py while the old one works. It notifies that program until it is told to be the
main process; if that program is gone, it stops. The old one is told to drain, and tells the new one what it still runs.
A process that was the main one ends after the one before it: systemd kills what is there when the main process is gone.
"""

from __future__ import annotations

import _socket
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Iterator, MutableMapping

VARIABLES = ("CELERYD_HANDOVER", "CELERYD_GENERATION")
PAUSE = 0.2
GRACE = 10.0  # seconds from a cold stop of a process that drains for too long to its end
SUCCESSOR, MAIN, DRAINING, ENDING = "successor", "main", "draining", "ending"


def original(module: str, name: str) -> Any:
    """Return what ``module`` called ``name`` before gevent or eventlet patched it."""
    gevent: Any = sys.modules.get("gevent.monkey")
    if gevent and gevent.is_module_patched(module):
        return gevent.get_original(module, name)
    eventlet: Any = sys.modules.get("eventlet.patcher")
    return getattr(eventlet.original(module) if eventlet else import_module(module), name)


def clock(seconds: float) -> str:
    """Return the local time of day, ``seconds`` after the epoch."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def moment(seconds: float) -> str:
    """Return ``seconds`` after the epoch as a time that means the same everywhere."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def is_alive(pid: int) -> bool:
    """Return whether there is a process of this user with this number."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def start_of(pid: int) -> str:
    """Return when a process started, in ticks since the boot, which tells it from a later one with its number."""
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[19]
    return ""


class Overlap:
    """This process among those of its service."""

    def __init__(self, place: str, generation: str, address: str) -> None:
        """Listen.

        :param place: the path of the main process's socket.
        :param generation: which one this is, and the number of the process before it.
        :param address: to which this process notifies.
        """
        number, _space, before = generation.partition(" ")
        self.place = place
        self.generation = int(number or 1)
        self.before = int(before or 0)
        self.start_of_before = start_of(self.before)
        self.address = address
        self.role = SUCCESSOR if address == f"{place}.reload" else MAIN
        self.is_heir = self.has_been_main = self.role == MAIN
        self.drains_since = 0.0
        self.deadline = float("inf")
        self.told: dict[int, str] = {}
        self.path = f"{place}.next" if self.role == SUCCESSOR else place
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    @property
    def must_drain(self) -> bool:
        """Whether this process is to stop consuming."""
        return self.role == DRAINING

    @property
    def may_control(self) -> bool:
        """Whether nobody else answers to the name of this worker: the process before it, a worker to be replaced."""
        return self.is_heir and not os.path.exists(f"{self.place}.wait")

    @property
    def has_before(self) -> bool:
        """Whether the process before this one is still there, and not another one with its number."""
        return bool(self.before) and is_alive(self.before) and start_of(self.before) == self.start_of_before

    def environment(self) -> dict[str, str]:
        """Return the variables that a new start of this process (by SIGHUP) needs."""
        before = self.before if self.has_before else ""
        return {"CELERYD_HANDOVER": self.place, "CELERYD_GENERATION": f"{self.generation} {before}".strip()}

    def wait(self, seconds: float) -> None:
        """Do what other processes say, for some time or until there was something."""
        poller = original("select", "poll")()
        poller.register(self.socket, original("select", "POLLIN"))
        if poller.poll(seconds * 1000):
            with suppress(BlockingIOError):
                message, sender = self.socket.recvfrom(65536)
                lines = message.decode("utf-8", "replace").splitlines()
                self.obey(dict(line.split("=", 1) for line in lines if "=" in line), sender)
        if time.monotonic() > self.deadline:
            self.deadline = time.monotonic() + GRACE
            cold = self.role == DRAINING
            self.role = ENDING
            os.kill(os.getpid(), signal.SIGQUIT if cold else signal.SIGKILL)

    def obey(self, said: dict[str, str], sender: str) -> None:
        """Do what a message says, and answer its ``sender``."""
        if "GENERATION" in said:
            self.answer(sender, f"GENERATION={self.generation}")
        elif "MAIN" in said and self.role == SUCCESSOR:
            os.replace(self.path, self.place)
            self.path, self.address, self.role, self.has_been_main = self.place, said["MAIN"], MAIN, True
            self.answer(sender, "MAIN=1")
        elif "DRAIN" in said and self.role == MAIN:
            self.address, self.role, self.drains_since = self.place, DRAINING, time.time()
            self.deadline = time.monotonic() + float(said["DRAIN"] or "inf")
            self.answer(sender, "DRAIN=1")
        elif "CONTROL" in said:
            self.is_heir = True
        elif "DRAINING" in said:
            self.told[int(said["DRAINING"])] = said.get("STATUS", "")

    def answer(self, address: str, text: str) -> None:
        """Send a message to one who may be gone."""
        with suppress(OSError):
            self.socket.sendto(text.encode(), address)

    def begin_to_drain(self) -> None:
        """Say that this process consumes no more."""
        self.answer(f"{self.place}.reload", f"DRAINING={os.getpid()}")

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """Stop this process if nobody is left who would make it the main one."""
        try:
            yield
        except (ConnectionRefusedError, FileNotFoundError):
            if self.role != SUCCESSOR:
                raise
            self.role = ENDING
            os.kill(os.getpid(), signal.SIGTERM)

    def report(self, status: str) -> None:
        """Tell the main process what this one still does."""
        self.answer(self.address, f"DRAINING={os.getpid()}\nSTATUS={status}")

    def others(self) -> str:
        """Return what is to be said of the processes that drain."""
        self.told = {pid: text for pid, text in self.told.items() if pid != os.getpid() and is_alive(pid)}
        return "".join(f"; process {pid} {text}" for pid, text in sorted(self.told.items()))

    def stop_others(self) -> None:
        """Tell the process before this one to stop, as this one was, which may bound how long its tasks take."""
        if self.has_been_main and self.has_before:
            os.kill(self.before, signal.SIGTERM)

    def outlive(self) -> None:
        """Wait for the end of the process before this one."""
        sleep = original("time", "sleep")
        while self.has_been_main and self.has_before:
            sleep(PAUSE)


def take_overlap(environ: MutableMapping[str, str], address: str) -> Overlap | None:
    """Take the variables of a hand-over out of ``environ``, and listen if the unit asks for it."""
    place, generation = (environ.pop(name, "") for name in VARIABLES)
    if not place or not address:
        return None
    try:
        return Overlap(place, generation, address)
    except OSError as error:
        if address == f"{place}.reload":
            raise
        sys.stderr.write(f"This worker cannot be handed over, only restarted: {place}: {error.strerror}\n")
        return None
