# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual hosts and users of a RabbitMQ: what of its definitions has to be imported. Decides; touches nothing."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any, Collection, Mapping

GUEST = "guest"
_SALT_BYTES = 4
_ALL = {"configure": ".*", "write": ".*", "read": ".*"}

Definitions = Mapping[str, Any]


def missing(passwords: Mapping[str, str], management: Collection[str], found: Definitions) -> dict[str, Any]:
    """Return the definitions that a server lacks, none of them empty. They change nothing but what they name.

    ``passwords`` has the environments, each of which gets a virtual host and a user of its name; those in
    ``management`` may log in to the management page, where they see their own.
    """
    users = {user["name"]: user for user in found.get("users", [])}
    wanted_tags = {name: ["management"] if name in management else [] for name in passwords}
    definitions = {
        "vhosts": [{"name": name} for name in passwords if {"name": name} not in _named(found.get("vhosts", []))],
        "users": [
            _user(name, password, wanted_tags[name])
            for name, password in passwords.items()
            if not _is_user(users.get(name, {}), password, wanted_tags[name])
        ],
        "permissions": [
            permission
            for permission in ({"user": name, "vhost": name, **_ALL} for name in passwords)
            if permission not in found.get("permissions", [])
        ],
    }
    return {kind: entries for kind, entries in definitions.items() if entries}


def has_guest(found: Definitions) -> bool:
    """Return whether the server has the user whose password is in every manual."""
    return {"name": GUEST} in _named(found.get("users", []))


def _named(entries: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": entry["name"]} for entry in entries]


def _user(name: str, password: str, tags: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "password_hash": _hash(password, secrets.token_bytes(_SALT_BYTES)),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ",".join(tags),  # RabbitMQ 3.8 takes no list
    }


def _is_user(found: Mapping[str, Any], password: str, tags: list[str]) -> bool:
    """Return whether a user that was found has the password and the tags. Older servers write tags as one string."""
    existing = found.get("tags", [])
    known = existing.split(",") if isinstance(existing, str) else existing
    known_hash = found.get("password_hash", "")
    salt = base64.b64decode(known_hash)[:_SALT_BYTES]
    return [tag for tag in known if tag] == tags and secrets.compare_digest(known_hash, _hash(password, salt))


def _hash(password: str, salt: bytes) -> str:
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
