# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of a Redis that environments share: each has the keys and channels that begin with its name, no others."""

from __future__ import annotations

import hashlib
import socket
from typing import Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats import redis_acl

ADMINISTRATOR = "celery-broker"
_ALL = "~* &* +@all"
# Celery subscribes to patterns, which Redis compares literally: the prefix alone does not allow those with a database.
_CHANNELS = "resetchannels &{name}:* &{name}:/0.celery.pidbox &{name}:/0.celeryev/worker.* &{name}:/0.celeryev/*"
# Nothing but what reaches keys and channels by their names, which Redis compares with those of the user, and what
# concerns the user's own connection. All of it is in Redis 6.2: an ACL that names an unknown command stops the server.
_COMMANDS = (
    "-@all +@bitmap +@geo +@hash +@hyperloglog +@list +@set +@sortedset +@stream +@string +@transaction "
    "-@admin -@dangerous "
    "+copy +del +exists +expire +expireat +memory|usage +object +persist +pexpire +pexpireat +pttl +rename +renamenx "
    "+touch +ttl +type +unlink "
    "+publish +psubscribe +punsubscribe +subscribe +unsubscribe +eval +evalsha +script|exists +script|load +time "
    "+auth +client|getname +client|id +client|setname +echo +hello +ping +quit +reset +select"
)
_OWN = f"~{{name}}:* {_CHANNELS} {_COMMANDS}"


def users(passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the rules of all users, by name: the environments, the administrator, and nobody without a name."""
    rules = {name: _OWN.format(name=redis_acl.name(name)) if name != ADMINISTRATOR else _ALL for name in passwords}
    hashes = {name: hashlib.sha256(password.encode()).hexdigest() for name, password in passwords.items()}
    return {"default": "off", **{name: f"on #{hashes[name]} {rules[name]}" for name in sorted(passwords)}}


def parsed(text: str) -> dict[str, str]:
    """Return the rules of the users in an ACL file, by name."""
    lines = [line.split(" ", 2) for line in text.splitlines() if line.startswith("user ")]
    return {name: rules for _user, name, rules in lines}


def printed(rules: Mapping[str, str]) -> str:
    """Return the text of an ACL file, which has no comments."""
    return "".join(f"user {name} {rule}\n" for name, rule in rules.items())


def commands(old: Mapping[str, str], new: Mapping[str, str]) -> list[list[str]]:
    """Return what turns the users of a running server into ``new``; one who stays the same stays connected."""
    changed = [name for name, rule in new.items() if old.get(name) != rule]
    removed = [name for name in old if name not in new]
    return [
        *(["ACL", "SETUSER", name, "reset", *new[name].split()] for name in changed),
        *(["ACL", "DELUSER", name] for name in removed),
    ]


class Server:
    """A Redis that listens at a unix socket, in the protocol RESP."""

    def __init__(self, path: str, password: str) -> None:
        """Connect. Raises ConnectionRefusedError or FileNotFoundError if it does not run, ValueError if it refuses."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._stream = self._socket.makefile("rwb")
        self.call(["AUTH", ADMINISTRATOR, password])

    def call(self, words: list[str]) -> None:
        """Run a command that answers in one line. Raises ValueError if that is an error."""
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        self._stream.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
        self._stream.flush()
        answer = self._stream.readline().decode().strip()
        if not answer or answer.startswith("-"):
            raise ValueError(f"redis refuses {' '.join(words[:2])}: {answer[1:] or 'it closed the connection'}")
