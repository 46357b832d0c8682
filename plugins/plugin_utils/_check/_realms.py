# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what environments ask of the brokers that role celery_broker sets up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._realms import SOCKET, Realm, realms_of_inventory

_URL = "CELERY_BROKER_URL"
_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[A-Fa-f0-9:.]+\]")  # as in a URL
_USELESS = {SOCKET: ("address", "port", "management"), "redis": ("management",)}


def problems_of_realms(
    names: Sequence[str],
    run: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    host: str,
    hostvars: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return the problems of the brokers of a run's environments, and of those that the host is to keep.

    :param names: all environments of the inventory.
    """
    realms = list(realms_of_inventory(names, groups, hostvars))
    concerned = [realm for realm in realms if realm["name"] in run or realm.get("host") == host]
    return [problem for realm in concerned for problem in realm["problems"] or _problems_of(realm, realms, groups)]


def problems_of_urls(path: str, environment: Mapping[str, Any]) -> Iterator[str]:
    """Yield where an environment that has a broker names another one.

    :param path: its name for messages, as ``celery_live``.
    """
    single = [environment.get(kind.key) for kind in KINDS.values() if kind.is_one]
    dicts = [environment, *filter(None, single), *environment["workers"]]
    if environment.get("broker") and any(_URL in (own.get("environment") or {}) for own in dicts):
        yield (
            f"{path}.broker and {_URL} in an environment of {path} are both set, and lead to two brokers. "
            "Remove one: broker makes the URL, with a password that it generates."
        )


def _problems_of(realm: Realm, realms: Sequence[Realm], groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    name, host, kind = realm["name"], realm["host"], realm["kind"]
    path = f"celery_{name}.broker"
    if host not in groups.get("all", []):
        yield f"{path}.host is {host}, which the inventory does not have. Add the host, or write one that it has."
    for key in _USELESS.get(kind, ()):
        if realm["written"].get(key) is not None:
            yield f"{path}.{key} means nothing to kind {kind}. Remove it."
    if kind == SOCKET:
        others = [member for member in realm["hosts"] if member != host]
        if others:
            yield (
                f"{path}.kind is {SOCKET}, which only {host} itself can reach, "
                f"but group {name} has {', '.join(others)}. Write kind: redis."
            )
        return
    address = realm.get("address") or host
    if not _ADDRESS.fullmatch(str(address)):
        yield f"{path}.address is {address!r}. Write a name or an address, one of IPv6 in brackets, as [2001:db8::1]."
    for other in realms:
        if (other.get("host"), other.get("kind")) == (host, kind) and other["port"] != realm["port"]:
            yield (
                f"{path}.port is {realm['port']}, but that of celery_{other['name']} is {other['port']}. "
                f"They share the {kind} of {host}: write the same port in both."
            )
