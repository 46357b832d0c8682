# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at what strangers own: each in a process of its own, as that user, in bounded time and size.

A tree that never answers, as a file system in user space can do, holds up nobody else then.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import selectors
import signal
import time
from dataclasses import dataclass
from typing import Any, Callable, Hashable, Mapping, Sequence, TypeVar

from ansible_collections.stalk.celery.plugins.module_utils._host._nss import gid_of

Key = TypeVar("Key", bound=Hashable)

SECONDS = 10.0
_MOST_BYTES = 4 * 1024 * 1024
_NOBODY = 65534
_GONE = 1.0  # seconds in which a killed process has to be gone, unless the kernel itself hangs in it


@dataclass(frozen=True)
class Account:
    """The user and groups to look as, as a unit has them."""

    user: str
    group: str = ""
    others: tuple[str, ...] = ()

    def become(self) -> None:
        """Give up all privileges for good. Whoever does not exist is nobody; a unit without a user is root's."""
        if not self.user or os.getuid() != 0:
            return
        uid, gid, groups = _NOBODY, _NOBODY, [_NOBODY]
        with contextlib.suppress(KeyError):
            entry = pwd.getpwuid(int(self.user)) if self.user.isdigit() else pwd.getpwnam(self.user)
            uid, gid = entry.pw_uid, entry.pw_gid
            groups = os.getgrouplist(entry.pw_name, gid)
        named = [found for found in map(_gid, (self.group, *self.others)) if found is not None]
        os.setgroups([*named, *groups])
        os.setresgid(*[named[0] if self.group and named else gid] * 3)
        os.setresuid(uid, uid, uid)


def _gid(name: str) -> int | None:
    with contextlib.suppress(KeyError):
        return gid_of(name)
    return None


@dataclass(frozen=True)
class Job:
    """``look`` gets what ``before``, which is root, returned. Both return plain data."""

    account: Account
    look: Callable[[Any], Any]
    before: Callable[[], Any] = lambda: None


def look(job: Job, seconds: float = SECONDS) -> Any:
    """Return what ``job`` returned, or None if it failed or did not end in time."""
    return look_all({"": job}, seconds)[""]


def look_all(jobs: Mapping[Key, Job], seconds: float = SECONDS) -> dict[Key, Any]:
    """Return what each of ``jobs`` returned, or None; all of them at once."""
    deadline = time.monotonic() + seconds
    running = {key: _start(job) for key, job in jobs.items()}
    try:
        said = _gather([descriptor for _pid, descriptor in running.values()], deadline)
        return {key: _parsed(said[descriptor]) for key, (_pid, descriptor) in running.items()}
    finally:
        _end(list(running.values()))


def _start(job: Job) -> tuple[int, int]:
    """Start ``job``; returns the process and where to read its result."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        found = job.before()
        job.account.become()
        text = json.dumps(job.look(found)).encode("ascii")
        while text:
            text = text[os.write(writing, text) :]
    finally:
        os._exit(0)


def _gather(descriptors: Sequence[int], deadline: float) -> dict[int, bytes]:
    """Return what comes from ``descriptors`` until all of them end, or the time does."""
    said = dict.fromkeys(descriptors, b"")
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < deadline:
            for ready, _events in selector.select(max(0.0, deadline - time.monotonic())):
                data = os.read(ready.fd, 65536)
                said[ready.fd] += data
                if not data or len(said[ready.fd]) > _MOST_BYTES:
                    selector.unregister(ready.fd)
    return said


def _parsed(text: bytes) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return None


def _end(running: Sequence[tuple[int, int]]) -> None:
    deadline = time.monotonic() + _GONE
    for pid, descriptor in running:
        os.close(descriptor)
        os.kill(pid, signal.SIGKILL)
    for pid, _descriptor in running:
        while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
