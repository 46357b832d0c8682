# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database or virtual host of which broker a URL means."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "pyamqp": 5672, "amqps": 5671, "sentinel": 26379}
_ROOTS = {"redis": "0", "rediss": "0", "redis+socket": "0", "sentinel": "0"}
_LOOPBACK = ("127.0.0.1", "::1", "localhost", "")

Broker = tuple[str, str, str]


def brokers_of(urls: str, host: str) -> frozenset[Broker]:
    """Return where a broker URL leads: host, port and database or virtual host, without user and password.

    :param urls: one URL or several, separated by semicolons, as Celery takes them. The notation does not matter: case,
        default ports, the names of loopback, and whether the database is in the path or in the query.
    :param host: the host that uses the URL, to which loopback and sockets lead.

    Raises ValueError for what is no URL, with a text that may have a part of the password.
    """
    return frozenset(_broker_of(url.strip(), host) for url in urls.split(";") if url.strip())


def _broker_of(url: str, own: str) -> Broker:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    query = parse_qs(parts.query)
    path = parts.path.strip("/")
    if scheme.endswith("socket"):
        host, port, path = f"{own}/{path}", "", ""
    else:
        name = (parts.hostname or "").lower()
        host, port = own if name in _LOOPBACK else name, str(parts.port or _PORTS.get(scheme) or "")
    named = [value for key in ("virtual_host", "db") for value in query.get(key, [])]
    return host, port, (named[0].strip("/") if named else path) or _ROOTS.get(scheme, "/")
