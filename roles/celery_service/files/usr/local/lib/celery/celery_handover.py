# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand a worker over to a new process in the same unit: what ``systemctl reload`` runs.

systemd runs this program as ExecReload=, with the unit's present variables, user and sandbox, in its control group. It
starts the worker's command a second time and waits until the new process consumes. Then it names that one to systemd as
the main process (which NotifyAccess=exec allows) and lets the old one drain. When the new process ends or is not ready
in time, the old one goes on, and so it does when this program is told to stop. celery_overlap.py has what workers do.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Sequence

PATIENCE = 10.0  # seconds for an answer of a process that is not busy
PAUSE = 0.1
MARGIN = 10.0  # before TimeoutStartSec= is over, systemd kills this program, and nobody would end what it started
JOURNAL = "/run/systemd/journal/stdout"
FAILED, UNABLE = 1, 3  # exit codes; the second says that the old process takes no part, and has to be restarted


class HandoverError(Exception):
    """Nothing was handed over; the text is why."""


class UnableError(HandoverError):
    """The old process takes no part, whatever the new one is."""


class StoppedError(Exception):
    """systemd stops the unit, or gave up waiting for this program."""


class Successor:
    """The new process. Until it is the main process a process between waits for it and knows how it ended."""

    def __init__(self, command: Sequence[str], environ: dict[str, str], identifier: str, channel: Channel) -> None:
        reader, writer = os.pipe()
        self.waiter = os.fork()
        if not self.waiter:
            channel.socket.close()  # or it would seem that somebody listens when this program is gone
            wait_for(spawn(command, environ, identifier), writer)
        os.close(writer)
        with os.fdopen(reader) as said:
            self.pid = int(said.read())

    def ending(self) -> str:
        """Return how it ended, '' while it runs."""
        pid, status = os.waitpid(self.waiter, os.WNOHANG)
        if not pid:
            return ""
        code = os.WEXITSTATUS(status)
        return f"was ended by signal {code - 128}" if code > 128 else f"ended with exit code {code}"

    def release(self) -> None:
        """Let it be a child of systemd, as a main process has to be."""
        os.kill(self.waiter, signal.SIGKILL)
        os.waitpid(self.waiter, 0)

    def end(self, seconds: float) -> None:
        """Tell it to stop, wait until it has, and kill it if it has not in time."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        until = time.monotonic() + seconds
        while not self.ending():
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(PAUSE)


def spawn(command: Sequence[str], environ: dict[str, str], identifier: str) -> int:
    """Start ``command`` and return its number."""
    pid = os.fork()
    if pid:
        return pid
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.setsid()
    own = {**environ, **journal(identifier), "SYSTEMD_EXEC_PID": str(os.getpid())}
    try:
        os.execvpe(command[0], list(command), own)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        sys.stderr.flush()
    os._exit(203)


def wait_for(pid: int, writer: int) -> NoReturn:
    """Say the number of a child, wait for its end and end with its exit code, as a shell does."""
    os.write(writer, str(pid).encode())
    os.close(writer)
    _pid, status = os.waitpid(pid, 0)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def journal(identifier: str) -> dict[str, str]:
    """Give the output of this process an identifier of its own, if it goes to the journal; return its new variables."""
    status = os.fstat(1)
    if os.environ.get("JOURNAL_STREAM") != f"{status.st_dev}:{status.st_ino}":
        return {}
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(JOURNAL)
    except OSError:
        return {}
    # The identifier, no unit (the journal knows it), level 6, which a line may change, and no copy elsewhere.
    stream.sendall(f"{identifier}\n\n6\n1\n0\n0\n0\n".encode())
    for descriptor in (1, 2):
        os.dup2(stream.fileno(), descriptor)
    status = os.fstat(1)
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


class Channel:
    """The socket of this program, to which the processes of the service answer, and a new one notifies at first."""

    def __init__(self, place: str) -> None:
        """:param place: the path of the main process's socket; those of the others are beside it."""
        self.place = place
        self.path = f"{place}.reload"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        Path(self.path).unlink(missing_ok=True)
        self.socket.bind(self.path)

    def ask(self, path: str, name: str, text: str = "") -> str:
        """Return what a process answers under the ``name`` of what it is told. Raises UnableError if it does not."""
        try:
            self.socket.sendto(f"{name}={text}".encode(), path)
        except OSError as error:
            raise UnableError(f"{path} takes no hand-over ({error.strerror}): restart the service") from None
        answer = self.hear(name, PATIENCE)
        if answer is None:
            raise UnableError(f"{path} does not answer within {PATIENCE:g} s: restart the service")
        return answer

    def hear(self, name: str, seconds: float) -> str | None:
        """Return what comes under a ``name``, None if nothing does in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.socket.settimeout(max(until - time.monotonic(), 0.001))
            with suppress(socket.timeout):
                said = parse(self.socket.recv(65536))
                if name in said:
                    return said[name]
        return None

    def close(self) -> None:
        """Take the socket away."""
        Path(self.path).unlink(missing_ok=True)


def parse(message: bytes) -> dict[str, str]:
    """Return the assignments in a message."""
    return dict(line.split("=", 1) for line in message.decode("utf-8", "replace").splitlines() if "=" in line)


def await_ready(channel: Channel, new: Successor, seconds: float) -> None:
    """Wait until the new process consumes. Raises HandoverError if it ends, or the time is over."""
    until = time.monotonic() + seconds
    while channel.hear("READY", PAUSE) is None:
        ending = new.ending()
        if ending:
            raise HandoverError(f"the new process {new.pid} {ending} before it was ready; its lines are above")
        if time.monotonic() > until:
            new.end(MARGIN / 2)
            raise HandoverError(f"the new process {new.pid} was not ready within {seconds:g} s; its lines are above")


def hand_over(channel: Channel, options: argparse.Namespace) -> None:
    """Start the new process and let it take the place of the old one. Raises HandoverError if it cannot."""
    old, address = os.environ["MAINPID"], os.environ["NOTIFY_SOCKET"]
    generation = int(channel.ask(channel.place, "GENERATION")) + 1
    environ = {
        **{name: value for name, value in os.environ.items() if name != "MAINPID"},
        "NOTIFY_SOCKET": channel.path,
        "CELERYD_GENERATION": f"{generation} {old}",
        **({"WATCHDOG_USEC": str(options.watchdog * 1_000_000)} if options.watchdog else {}),
    }
    new = Successor(options.command, environ, f"{options.identifier}#{generation}", channel)
    try:
        await_ready(channel, new, options.timeout - min(MARGIN, options.timeout / 4))
    except StoppedError:
        new.end(float("inf"))
        raise
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    new.release()
    tell_systemd(address, new.pid)
    channel.ask(channel.place, "DRAIN", options.drain_timeout)
    channel.ask(f"{channel.place}.next", "MAIN", address)
    channel.hear("DRAINING", PATIENCE / 2)  # one that is busy with a task in its main thread drains when that is done
    channel.socket.sendto(b"CONTROL=1", channel.place)
    sys.stdout.write(f"{options.identifier}: process {new.pid} took over from {old}, which drains\n")


def tell_systemd(address: str, pid: int) -> None:
    """Name the main process to systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
        path = "\0" + address[1:] if address.startswith("@") else address
        notification.sendto(f"MAINPID={pid}".encode(), path)


def on_stop(*_: object) -> NoReturn:
    """Stop what this program does."""
    raise StoppedError


def main(arguments: Sequence[str]) -> int:
    """Hand over, and return the exit status."""
    parser = argparse.ArgumentParser(prog="celery_handover")
    parser.add_argument("--place", required=True, help="path of the main process's socket")
    parser.add_argument("--identifier", required=True, help="identifier of the service in the journal")
    parser.add_argument("--timeout", type=float, required=True, help="seconds until systemd ends this program")
    parser.add_argument("--watchdog", type=int, default=0, help="seconds of the watchdog")
    parser.add_argument("--drain-timeout", default="", help="seconds after which the old process is ended")
    parser.add_argument("command", nargs="+", help="what runs the worker")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, on_stop)
    channel = Channel(options.place)
    try:
        hand_over(channel, options)
    except HandoverError as error:
        sys.stderr.write(f"{options.identifier}: no hand-over, the old process goes on: {error}\n")
        return UNABLE if isinstance(error, UnableError) else FAILED
    except StoppedError:  # with the unit, which has not failed by that
        sys.stderr.write(f"{options.identifier}: no hand-over, since it was told to stop\n")
    finally:
        channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
