# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of this host whose command line names Celery, as /proc shows them to root.

A process may end while it is looked at, and every user may give one any name: what is read is bounded and means nothing
by itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Iterator

from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process

PROC = "/proc"
_NAMES_CELERY = re.compile(rb"celery|flower", re.IGNORECASE)
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*(?: \(deleted\))?$")
_COMMAND = 2**14  # bytes
_FILE = 2**17  # bytes


def celery() -> list[Process]:
    """Return the Python processes of this host, not those of containers on it, whose command line names Celery."""
    own = _link(f"{PROC}/self", "ns/pid")
    root = _cgroup(f"{PROC}/1")[: -len("/init.scope")]
    return [process for process in _candidates(own, root) if process is not None]


def _candidates(own: str, root: str) -> Iterator[Process | None]:
    for name in sorted(filter(str.isdigit, os.listdir(PROC)), key=int):
        with contextlib.suppress(OSError, ValueError):
            yield _look(os.path.join(PROC, name), int(name), own, root)


def _look(path: str, pid: int, own: str, root: str) -> Process | None:
    command = _read(path, "cmdline", _COMMAND)
    if not _NAMES_CELERY.search(command) or pid == os.getpid():
        return None
    if _link(path, "ns/pid") != own or not _PYTHON.search(os.path.basename(_link(path, "exe"))):
        return None
    status = dict(line.split(":\t", 1) for line in _text(_read(path, "status")).splitlines() if ":\t" in line)
    return Process(
        pid=pid,
        parent=int(status["PPid"]),
        uid=int(status["Uid"].split()[0]),
        words=_words(_text(command)),
        directory=_link(path, "cwd"),
        cgroup=_cgroup(path)[len(root) :],
        variables=dict(_pairs(_text(_read(path, "environ")))),
    )


def _words(command: str) -> tuple[str, ...]:
    """Return the words of a command line; a title that the process gave itself is one text."""
    words = [word for word in command.split("\0") if word]
    return tuple(words[0].replace("(", " ").replace(")", " ").split() if len(words) == 1 else words)


def _cgroup(path: str) -> str:
    """Return the control group to which systemd put a process, under either version of the kernel's interface."""
    groups = [line.split(":", 2) for line in _text(_read(path, "cgroup")).splitlines() if line.count(":") > 1]
    named = [group[2] for group in groups if group[1] == "name=systemd"]
    unified = [group[2] for group in groups if group[:2] == ["0", ""]]
    return ([group for group in (*named, *unified) if group != "/"] or ["/"])[0]


def _pairs(environ: str) -> Iterator[tuple[str, str]]:
    for entry in environ.split("\0"):
        name, equals, value = entry.partition("=")
        if equals:
            yield name, value


def _read(path: str, name: str, most: int = _FILE) -> bytes:
    with open(os.path.join(path, name), "rb") as file:
        return file.read(most)


def _link(path: str, name: str) -> str:
    return os.readlink(os.path.join(path, name))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def nice(pid: int) -> int:
    """Return the priority of a process. Raises OSError if it has ended."""
    return os.getpriority(os.PRIO_PROCESS, pid)


def written_files(pid: int, most: int = 1000) -> list[str]:
    """Return the paths of the files that a process holds open for writing, as the kernel tells them.

    Raises OSError if it has ended.
    """
    found = set()
    for number in os.listdir(f"{PROC}/{pid}/fd")[:most]:
        with contextlib.suppress(FileNotFoundError):
            flags = re.search(r"flags:\s+([0-7]+)", _text(_read(f"{PROC}/{pid}", f"fdinfo/{number}")))
            path = _link(f"{PROC}/{pid}", f"fd/{number}")
            if flags and int(flags[1], 8) & os.O_ACCMODE and path.startswith("/") and not path.endswith(" (deleted)"):
                found.add(path)
    return sorted(found)


class Parent:
    """A process that has started one of Celery; one that is not there has no words."""

    def __init__(self, pid: int) -> None:
        self.words: tuple[str, ...] = ()
        self.parent = 0
        self.is_roots = False
        path = os.path.join(PROC, str(pid))
        with contextlib.suppress(OSError, ValueError, IndexError):
            self.is_roots = os.stat(path).st_uid == 0
            self.words = tuple(_text(_read(path, "cmdline", _COMMAND)).rstrip("\0").split("\0"))
            self.parent = int(_text(_read(path, "stat")).rpartition(")")[2].split()[1])

    @property
    def text(self) -> str:
        """The command line as a shell would read it."""
        return " ".join(self.words)
