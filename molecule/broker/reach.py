# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands of a Redis a user may run with arguments that are not its own, of all that this server has.

The arguments are a unix socket and the user; the first line of standard input is the administrator's password.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

path, user = sys.argv[1:]
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
stream = connection.makefile("rwb")


def call(*words: str) -> Any:
    """Run a command and return its answer; an error as text."""
    stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
    stream.flush()
    return answer()


def answer() -> Any:
    """Read an answer."""
    line = stream.readline()[:-2].decode()
    kind, rest = line[0], line[1:]
    if kind == "$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
    return [answer() for _number in range(int(rest))] if kind == "*" else rest


def commands(described: list[Any]) -> Iterator[tuple[str, int]]:
    """Yield the names of commands, or of their subcommands, with the number of words that they take at least."""
    for command in described:
        name, arity, parts = command[0], int(command[1]), command[9]
        yield from commands(parts) if parts else [(name, arity if arity > 0 else 1 - arity)]


def allowed(name: str, size: int) -> bool:
    """Say whether the user may run a command with arguments that are numbers, keys of others and channels of others."""
    words = name.split("|")
    return "no permissions" not in call("ACL", "DRYRUN", user, *words, *["1"] * (size - len(words))).lower()


call("AUTH", "celery-broker", sys.stdin.readline().strip())
print(json.dumps(sorted(name for name, size in commands(call("COMMAND")) if allowed(name, size))))
