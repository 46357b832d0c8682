# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What applications do, and a sandbox may forbid."""

from __future__ import annotations

import ctypes
import logging
import mmap
import multiprocessing
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from celery import shared_task

logger = logging.getLogger(__name__)


def temporary_file() -> None:
    """Write and read one."""
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("text")
        file.seek(0)
        assert file.read() == "text"


def child() -> None:
    """Run a program."""
    assert subprocess.run(["id", "-u"], capture_output=True, check=True).stdout.strip() == str(os.getuid()).encode()


def name_lookup() -> None:
    """Look up a host."""
    assert socket.getaddrinfo("broker1", 6379)


def tls_context() -> None:
    """Read the certificates that the host trusts."""
    assert ssl.create_default_context().get_ca_certs()


def callback() -> None:
    """Let a C function call a Python function."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), kind(lambda one, other: one[0] - other[0]))
    assert list(numbers) == [1, 2, 3]


def semaphore() -> None:
    """Use one between processes."""
    with multiprocessing.Semaphore():
        pass


def shared_memory() -> None:
    """Use a segment of it."""
    untracked = {"track": False} if sys.version_info >= (3, 13) else {}
    segment = SharedMemory(create=True, size=16, **untracked)
    segment.buf[:4] = b"text"
    segment.close()
    segment.unlink()


def database() -> None:
    """Write into one that lies in the state directory."""
    connection = sqlite3.connect(Path(os.environ["STATE_DIRECTORY"], "probe.sqlite3"), timeout=30)
    with connection:
        connection.execute("create table if not exists probes (pid integer)")
        connection.execute("insert into probes values (?)", (os.getpid(),))
    connection.close()


def state() -> None:
    """Write a file into the state directory."""
    Path(os.environ["STATE_DIRECTORY"], f"probe-{os.getpid()}").write_text("text", encoding="utf-8")


def log() -> None:
    """Write a line of log."""
    logger.warning("probed by %s", os.getpid())


def media() -> None:
    """Write a file outside of the service's own directories."""
    Path("/srv/media/probe").write_text("text", encoding="utf-8")


def exchange() -> None:
    """Read a file that another program left in /tmp."""
    assert Path("/tmp/for-uat").read_text(encoding="utf-8")


def memory_of_the_host() -> None:
    """Find out how much memory the host has, as psutil does."""
    assert "MemTotal" in Path("/proc/meminfo").read_text(encoding="utf-8")


def just_in_time() -> None:
    """Ask for memory in which a program can be written and run."""
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


ORDINARY: tuple[Callable[[], None], ...] = (
    temporary_file,
    child,
    name_lookup,
    tls_context,
    callback,
    semaphore,
    shared_memory,
    database,
    state,
    log,
)
SPECIAL: tuple[Callable[[], None], ...] = (media, exchange, memory_of_the_host, just_in_time)


@shared_task
def probe() -> dict[str, str]:
    """Do everything; return what came of it: nothing, or the error."""
    return {action.__name__: result(action) for action in (*ORDINARY, *SPECIAL)}


def result(action: Callable[[], None]) -> str:
    """Return the error that an action ends with, '' if there is none."""
    try:
        action()
    except (AssertionError, OSError, subprocess.SubprocessError, sqlite3.Error) as error:
        return f"{type(error).__name__}: {error}"
    return ""
