# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run celery in the context of an environment, whose user gets neither a terminal nor a file of the administrator.

The command has pipes of this process, or at a terminal a terminal of its own, and this process copies to and fro.
On the administrator's terminal there is only text, except from commands that draw on it (``DRAWING``).
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import tty
import uuid
from typing import Callable, Iterator, Sequence

DRAWING = ("amqp", "events", "shell")
_CELERY = ("/usr/bin/env", "$CELERY_COMMAND", "--app=${CELERY_APP}")
_AT_ONCE = 4096  # bytes that can be written to a pipe that has room without waiting
_LEFT_OVER = 2**20  # bytes that a pipe may hold when its writer has ended
_TICK = 100  # milliseconds
_COLOUR = r"\x1b\[(?:0|1|22|39|3[1-7]|9[1-7])?(?:;(?:0|1|22|39|3[1-7]|9[1-7]))*m"
_TOKEN = re.compile(rf"\r*\n|{_COLOUR}|[^ -~]")
_UNFINISHED = re.compile(r"(?:\r+|\x1b(?:\[[0-9;]{0,20})?)\Z")
_TERM = re.compile(r"[A-Za-z0-9.+_-]{1,40}")

Filter = Callable[[bytes], bytes]


class Text:
    """Makes what a stranger writes fit for a terminal: text in lines, and colours. Anything else is shown escaped."""

    def __init__(self, newline: str) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._newline = newline
        self._rest = ""

    def __call__(self, chunk: bytes) -> bytes:
        """Return what to show of a chunk; of an empty one, which is the last, what was held back."""
        text = self._rest + self._decoder.decode(chunk, not chunk)
        unfinished = _UNFINISHED.search(text) if chunk else None
        end = unfinished.start() if unfinished else len(text)
        self._rest = text[end:]
        return _TOKEN.sub(self._shown, text[:end]).encode("utf-8", "backslashreplace")

    def _shown(self, found: re.Match[str]) -> str:
        token = found[0]
        if token.endswith("\n"):
            return self._newline
        return token if len(token) > 1 or token == "\t" or token.isprintable() else ascii(token)[1:-1]


def as_it_is(chunk: bytes) -> bytes:
    """Return all of a chunk."""
    return chunk


class Channel:
    """What is read from one file and written to another. Holds one chunk at most."""

    def __init__(self, source: int, target: int, through: Filter = as_it_is) -> None:
        self.source = source
        self.target = target
        self.count = 0
        self._through = through
        self._pending = b""
        self._ended = False

    @property
    def is_over(self) -> bool:
        return self._ended and not self._pending

    @property
    def awaited(self) -> tuple[int, int]:
        """The file that has to be ready, and for what."""
        return (self.target, select.POLLOUT) if self._pending else (self.source, select.POLLIN)

    def step(self) -> None:
        """Write or read once; a side that is closed is the end."""
        try:
            if self._pending:
                self._pending = self._pending[os.write(self.target, self._pending[:_AT_ONCE]) :]
            else:
                self._read()
        except BlockingIOError:
            pass
        except OSError:  # nobody reads it any more, or a terminal without anybody at its other end
            self._pending, self._ended = b"", True

    def _read(self) -> None:
        chunk = os.read(self.source, _AT_ONCE)
        self.count += len(chunk)
        self._ended = not chunk
        self._pending = self._through(chunk)


def copy(process: subprocess.Popen[bytes], to: Channel, back: Sequence[Channel], close: Callable[[int], object]) -> int:
    """Copy until the process has ended and all that it wrote has been shown; return its exit status.

    :param close: what to do with the file of a channel that is over.
    """
    channels = [*back, to]
    left = -1
    while True:
        if left < 0 and process.poll() is not None:
            channels = [channel for channel in channels if channel is not to]
            left = sum(channel.count for channel in back) + _LEFT_OVER
        poller = select.poll()
        for channel in channels:
            poller.register(*channel.awaited)
        is_writing = any(channel.awaited[1] == select.POLLOUT for channel in channels)
        ready = {file for file, _event in poller.poll(_TICK if left < 0 or is_writing else 0)}
        for channel in channels:
            if channel.awaited[0] in ready:
                channel.step()
            if channel.is_over:
                close(channel.target if channel is to else channel.source)
        channels = [channel for channel in channels if not channel.is_over]
        is_more = ready and sum(channel.count for channel in back) < left
        if left >= 0 and not is_more and not any(channel.awaited[1] == select.POLLOUT for channel in channels):
            return process.returncode


def at_terminal(options: Sequence[str], arguments: Sequence[str], unit: str) -> int:
    """Run the command on a terminal of its own."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    resize(master)
    signal.signal(signal.SIGWINCH, lambda *_: resize(master))
    term = os.environ.get("TERM", "")
    own = [f"--property=Standard{stream}=tty" for stream in ("Input", "Output", "Error")]
    own += [f"--property=TTYPath={os.ttyname(slave)}", f"--setenv=TERM={term if _TERM.fullmatch(term) else 'dumb'}"]
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    shown = Channel(master, 1, as_it_is if command in DRAWING else Text("\r\n"))
    with started([*own, *options], arguments, unit) as process, raw(0):
        return copy(process, Channel(0, master), [shown], lambda _file: tell("stop", "--no-block", unit))


def through_pipes(options: Sequence[str], arguments: Sequence[str], unit: str) -> int:
    """Run the command with pipes of this process."""
    with started(["--pipe", *options], arguments, unit, subprocess.PIPE) as process:
        pipes = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe]
        files = {pipe.fileno(): pipe for pipe in pipes}
        (into, *sources) = files
        os.set_blocking(into, False)
        back = [
            Channel(source, target, Text("\n") if os.isatty(target) else as_it_is)
            for source, target in zip(sources, (1, 2))
        ]
        return copy(process, Channel(0, into), back, lambda file: files[file].close())


def started(
    options: Sequence[str], arguments: Sequence[str], unit: str, files: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start the command as a transient unit; signals that reach this process are for the unit."""
    how = ["--quiet", "--collect", "--wait", "--service-type=exec", f"--unit={unit}", *options]
    # systemd-run expands $NAME in the command, so a dollar sign is doubled (man 1 systemd-run).
    verbatim = [argument.replace("$", "$$") for argument in arguments]
    signal.signal(signal.SIGINT, lambda *_: tell("kill", "--signal=SIGINT", unit))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: tell("stop", "--no-block", unit))
    return subprocess.Popen(
        ["systemd-run", *how, "--", *_CELERY, *verbatim],
        bufsize=0,
        stdin=files,
        stdout=files,
        stderr=files if files == subprocess.PIPE else None,
        start_new_session=True,
    )


def tell(*command: str) -> None:
    """Have systemd do something, and do not wait for it."""
    none = subprocess.DEVNULL
    subprocess.Popen(["systemctl", *command], stdin=none, stdout=none, stderr=none)


def resize(terminal: int) -> None:
    """Make a terminal as large as the administrator's."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))


@contextlib.contextmanager
def raw(terminal: int) -> Iterator[None]:
    """Have a terminal hand on every key as it is."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def is_closed(file: int) -> bool:
    """Return whether a number stands for no open file."""
    try:
        os.fstat(file)
    except OSError:
        return True
    return False


def main(options: Sequence[str]) -> int:
    """Run celery with the arguments of this program; return its exit status."""
    for _closed in filter(is_closed, range(3)):
        os.open(os.devnull, os.O_RDWR)  # or another file would get the number
    run = at_terminal if all(map(os.isatty, range(3))) else through_pipes
    return run(options, sys.argv[1:], f"stalk-celery-{uuid.uuid4()}.service")
