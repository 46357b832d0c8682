# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the test hosts."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.hosts.debian import become_root, install_missing_packages
from tests.hosts.files import ENVIRONMENT
from tests.hosts.images import SUITES, ensure_images
from tests.hosts.say import say
from tests.hosts.world import Lock, inside


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m tests.hosts", description="Test hosts that boot systemd.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("run", "make a world, run a command in it, remove it"),
        ("up", "make a world that stays, and boot hosts in it"),
        ("exec", "run a command in a world that stays"),
        ("down", "remove a world that stays"),
        ("hold", argparse.SUPPRESS),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("world", help="name of the world, for example demo")
        if name == "up":
            command.add_argument("hosts", nargs="*", metavar="HOST=SUITE", help="for example app1=bookworm")
        if name in {"run", "exec"}:
            command.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")
    return top


def run(world: str, argv: list[str]) -> int:
    """Run a command in a new world; return its exit status."""

    def work() -> int:
        ensure_images(SUITES)
        child = subprocess.Popen(argv)
        while True:
            pid, status = os.wait()
            if pid == child.pid:
                return os.waitstatus_to_exitcode(status)

    return inside(world, work)


def hold(world: str) -> int:
    """Keep a world until SIGTERM comes; a line on stdout says that it can be entered."""

    def work() -> int:
        print("ready", flush=True)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            signal.pause()

    return inside(world, work)


def up(world: str, hosts: list[str]) -> int:
    """Make a world that stays, unless it is there already, and boot those of the hosts that are not up."""
    if Lock(world).holder() is None:
        command = [sys.executable, "-m", "tests.hosts", "hold", world]
        holder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        if not holder.stdout or not holder.stdout.readline():
            raise SystemExit(f"hosts: the world {world} could not be made")
    return enter(world, [sys.executable, "-c", f"from tests.hosts.boot import boot; boot({hosts!r})"])


def enter(world: str, argv: list[str]) -> int:
    """Run a command in a world that stays, in the same directory as here; return its exit status."""
    holder = Lock(world).holder()
    if holder is None:
        raise SystemExit(f"hosts: there is no world {world}")
    command = ["nsenter", "--mount", "--pid", f"--target={holder}", "env", f"--chdir={Path.cwd()}", *argv]
    return subprocess.run(command, env={**os.environ, **ENVIRONMENT}, check=False).returncode


def down(world: str) -> int:
    """End a world; it is no error if there is none."""
    holder = Lock(world).holder()
    if holder is None:
        say(f"there is no world {world}")
        return 0
    say(f"removing the world {world} ...")
    os.kill(holder, signal.SIGTERM)
    while Lock(world).holder() is not None:
        time.sleep(0.1)
    return 0


def main() -> int:
    """Run the command line; return the exit status."""
    arguments = parser().parse_args()
    become_root()
    install_missing_packages()
    argv = [word for position, word in enumerate(vars(arguments).get("argv", [])) if position or word != "--"]
    match arguments.command:
        case "run":
            return run(arguments.world, argv)
        case "up":
            return up(arguments.world, arguments.hosts)
        case "exec":
            return enter(arguments.world, argv)
        case "hold":
            return hold(arguments.world)
        case _:
            return down(arguments.world)


if __name__ == "__main__":
    sys.exit(main())
