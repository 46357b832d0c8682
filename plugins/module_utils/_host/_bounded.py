# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command whose output a stranger writes: so long and no longer, so much and no more."""

from __future__ import annotations

import math
import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Mapping, Sequence

if TYPE_CHECKING:
    Popen = subprocess.Popen[bytes]
else:
    Popen = subprocess.Popen

ANSWER = 2**20  # bytes
TAIL = 2**16  # bytes of what is not kept whole
_NOISE = 2**24  # bytes of it that are read at all
_CHUNK = 2**16
_TICK = 0.1  # seconds

LATE = "late"
TOO_MUCH = "too much"


@dataclass(frozen=True)
class Said:
    """What a command said, and what was wrong with it: LATE or TOO_MUCH, if anything."""

    code: int
    output: str
    errors: str
    fault: str = ""


class Tail:
    """The end of what comes, which begins with a whole line if something was left out."""

    most: float = _NOISE

    def __init__(self, room: int = TAIL) -> None:
        self.room = room
        self.kept = b""
        self.size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.kept = (self.kept + chunk)[-self.room :]

    @property
    def text(self) -> str:
        kept = self.kept if self.size <= self.room else self.kept.partition(b"\n")[2] or self.kept
        return kept.decode("utf-8", "replace")


class Log(Tail):
    """The end of what comes, however much that is."""

    most = math.inf


class Answer(Tail):
    """All that comes, up to a size."""

    most = ANSWER

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.kept += chunk

    @property
    def text(self) -> str:
        return self.kept.decode("utf-8", "replace")


class Session(Popen):
    """A command in a session without a terminal, with which one talks through pipes."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        super().__init__(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environ},
            start_new_session=True,
        )


def run(
    command: Sequence[str],
    seconds: float,
    data: str = "",
    into: Tail | None = None,
    errors: Tail | None = None,
    environ: Mapping[str, str] | None = None,
) -> Said:
    """Run ``command`` in a session without a terminal, give it ``data``, and return what it has said when it has ended.

    It is over then, also if another process has got hold of its output, and it is over after so many ``seconds``. Of
    its output there is what ``into`` and ``errors`` keep.
    """
    output, errors = into or Answer(), errors or Tail()
    with Session(command, environ or {}) as process:
        try:
            fault = _exchange(process, data.encode(), time.monotonic() + seconds, output, errors)
        finally:
            if process.poll() is None:
                process.kill()
            for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
                pipe.close()
    return Said(process.returncode, output.text, errors.text, fault)


def _exchange(process: Session, data: bytes, end: float, output: Tail, errors: Tail) -> str:
    """Write and read until the process has ended; returns the fault. Raises ValueError for a process without pipes."""
    if not (process.stdin and process.stdout and process.stderr):
        raise ValueError("not all of its streams are pipes")
    sinks = {process.stdout: output, process.stderr: errors}
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdin, *sinks):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_WRITE if pipe is process.stdin else selectors.EVENT_READ, pipe)
        while selector.get_map():
            ended = process.poll() is not None
            left = end - time.monotonic()
            ready = [key.data for key, _events in selector.select(0 if ended else max(min(left, _TICK), 0))]
            if left <= 0:
                return LATE
            if ended and not ready:
                return ""
            for pipe in ready:
                if pipe is process.stdin:
                    data = _write(process.stdin, data)
                    is_over = not data
                else:
                    is_over = not _read(pipe, sinks[pipe])
                if is_over:
                    selector.unregister(pipe)
                    pipe.close()
            if any(sink.size > sink.most for sink in sinks.values()):
                return TOO_MUCH
    return _end(process, max(end - time.monotonic(), 0))


def _end(process: Session, seconds: float) -> str:
    """Wait for the end of a process that has closed its output; returns the fault."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return LATE
    return ""


def _write(pipe: IO[bytes], data: bytes) -> bytes:
    """Write some of ``data``; returns the rest, none if nobody reads it any more."""
    try:
        return data[os.write(pipe.fileno(), data[:_CHUNK]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return b""


def _read(pipe: IO[bytes], sink: Tail) -> bool:
    chunk = os.read(pipe.fileno(), _CHUNK)
    sink.add(chunk)
    return bool(chunk)
