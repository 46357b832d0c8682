# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a user: which there are, what started them, and their end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass
from typing import Callable, Iterable

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers

PROC = "/proc"
_HEAD = 4096
_COMMAND = 60  # characters
_IDS = re.compile(r"(?m)^Uid:\s+(\d+)\s+\d+\s+(\d+)")  # the real and the saved one: those of whoever may send a signal
_DEAD = re.compile(r"(?m)^State:\s+[ZX]")
_START_TIME = 19  # of the fields of /proc/PID/stat, after the name
_SHARE = re.compile(r"(?m)^Pss:\s+(\d+) kB")
_AVAILABLE = re.compile(r"(?m)^MemAvailable:\s+(\d+) kB")
_CONTROL_GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")  # of the kernel's second and first interface
_GRACE = 3  # seconds from SIGTERM to SIGKILL
_PAUSE = 0.1


@dataclass(frozen=True)
class Process:
    """A process. ``unit`` is the unit of the system in which it was started."""

    pid: int
    command: str
    unit: str

    def __str__(self) -> str:
        return f"{self.pid} ({self.command}, started {f'by {self.unit}' if self.unit else 'outside of systemd'})"


def of_user(uid: int) -> list[Process]:
    """Return the processes of user ``uid``, without those that are dead."""
    found = []
    for name in filter(str.isdigit, os.listdir(PROC)):
        status = _read(name, "status")
        ids = _IDS.search(status)
        if ids and str(uid) in ids.groups() and not _DEAD.search(status):
            found.append(Process(int(name), _command(name), unit_of(_read(name, "cgroup"))))
    return sorted(found, key=lambda process: process.pid)


def started_at(pid: str, otherwise: int) -> int:
    """Return when a process started, in microseconds of CLOCK_MONOTONIC; ``otherwise`` where that cannot be told.

    The kernel tells it with the time that the host was asleep, which nobody knows to be before the start or after it.
    """
    asleep = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    fields = _read(pid, "stat").rpartition(")")[2].split()
    if asleep > 1 or len(fields) <= _START_TIME:
        return otherwise
    return (int(fields[_START_TIME]) + 1) * 1_000_000 // os.sysconf("SC_CLK_TCK")


def memory(control_group: str) -> int:
    """Return the bytes of memory that the processes of a control group of systemd use, what they share counted once."""
    if not control_group:
        return 0
    texts = (_read(root + control_group, "cgroup.procs") for root in _CONTROL_GROUPS)
    found = (_SHARE.search(_read(pid, "smaps_rollup")) for text in texts for pid in text.split())
    return sum(int(share[1]) * 1024 for share in found if share)


def free_memory() -> int:
    """Return the bytes of memory that new processes can have on this host."""
    found = _AVAILABLE.search(_read("", "meminfo"))
    return int(found[1]) * 1024 if found else 0


def unit_of(cgroups: str) -> str:
    """Return the system's unit in the text of /proc/PID/cgroup; what a user has below it is the user's own word."""
    for line in cgroups.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" or controllers == "name=systemd":
            units = [part for part in path.split("/") if part.endswith((".service", ".scope"))]
            if units:
                return _strangers.text(units[0])
    return ""


def end(uid: int, gid: int, listed: Callable[[], Iterable[Process]], seconds: float) -> list[Process]:
    """End the processes that ``listed`` returns; returns those that are there when the time is over.

    Signals are sent as the user, so that none can reach the process of somebody else who got the same number.
    """
    began = time.monotonic()
    while True:
        left = list(listed())
        passed = time.monotonic() - began
        if not left or passed > seconds:
            return left
        number = signal.SIGTERM if passed < _GRACE else signal.SIGKILL
        send(uid, gid, number, [process.pid for process in left])
        time.sleep(_PAUSE)


def send(uid: int, gid: int, number: int, pids: Iterable[int]) -> None:
    """Send a signal as a user, so that it reaches none but his processes; those that have gone are passed over."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
    finally:
        os._exit(0)


def _command(pid: str) -> str:
    words = _read(pid, "cmdline").split("\0")
    return _strangers.text(" ".join(words).strip() or _read(pid, "comm").strip() or "?", _COMMAND)


def _read(pid: str, name: str) -> str:
    try:
        with open(os.path.join(PROC, pid, name), "rb") as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""
