# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Redis keeps environments apart. Decides; touches nothing."""

from __future__ import annotations

import re
from typing import Sequence

# 6.2 has channels in its ACL, and since 6.2.7 no script changes what the scripts of other users find.
OLDEST = (6, 2, 7)
UNIT = "redis-celery.service"
_SERVER = re.compile(r"\bv=(\d+(?:\.\d+)+)")
_PACKAGE = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)+)")


def of_server(text: str) -> str:
    """Return the version in what ``redis-server --version`` or ``valkey-server --version`` prints, or nothing."""
    found = _SERVER.search(text)
    return found[1] if found else ""


def of_package(text: str) -> str:
    """Return the version of Redis in that of a package, for example ``5:7.0.15-1~deb12u7``, or nothing."""
    found = _PACKAGE.match(text.strip())
    return found[1] if found else ""


def candidate_of_apt(text: str) -> str:
    """Return the version that apt would install, from what ``apt-cache policy`` prints, or nothing."""
    found = re.search(r"^\s*Candidate: (\S+)", text, re.MULTILINE)
    return of_package(found[1]) if found else ""


def problems(version: str, environments: Sequence[str], host: str) -> list[str]:
    """Say why a Redis cannot give each of ``environments`` a realm; an unknown version is no problem."""
    if not version or tuple(map(int, version.split("."))) >= OLDEST:
        return []
    needed = ".".join(map(str, OLDEST))
    return [
        f"{_keys(environments)}: {host} has Redis {version}, which cannot keep environments apart; {needed} or later "
        f"can, and Valkey. Install a newer one on {host}, name another host, or write kind: redis_socket or "
        "kind: rabbitmq."
    ]


def problem_of_port(port: int, environments: Sequence[str], host: str) -> str:
    """Say that something else listens at ``port``, and what to do."""
    return (
        f"{_keys(environments)}: port {port} of {host} is not free for {UNIT}, since another program listens there, as "
        f"the Redis of a package does. Write another, as port: {port + 1}, or stop that program."
    )


def _keys(environments: Sequence[str]) -> str:
    return ", ".join(f"celery_{name}.broker" for name in environments)
