# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where beat has to be stopped before it may start on a host."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._services import Service


def other_beats(
    services: Sequence[Service], running: Container[str], groups: Mapping[str, Sequence[str]], host: str
) -> list[dict[str, Any]]:
    """Return the hosts on which beats of this host's environments have to be stopped before those of this host start.

    :param services: the complete services of this host.
    :param running: the units of this host that run; a beat among them has no other beside it.
    :param groups: the inventory's groups and their hosts.
    :return: for each host its name as ``host``, the beginnings of the markers of the beats as ``owners``, and as
        ``environments`` those of them whose group the host is in, so that it must not be passed over.
    """
    starting = {
        service["environment"]: service["hosts"]
        for service in services
        if service["kind"] == "beat" and service["state"] == "started" and service["unit"] not in running
    }
    found = []
    for other in groups["all"]:
        names = [name for name, hosts in starting.items() if other != host and other not in hosts]
        if names:
            members = [name for name in names if other in groups.get(name, [])]
            found.append({"host": other, "owners": [f"{name}/beat/" for name in names], "environments": members})
    return found
