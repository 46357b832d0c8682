# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where beat has to be stopped before it may start on a host."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import Service

SEARCH = ("/etc/systemd/system", "/etc/conf.d", "/etc/logrotate.d")  # where files of services may be


def other_beats(
    services: Sequence[Service], settled: Container[str], groups: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return which beats have to be stopped, and on which hosts, before those of this host start.

    :param services: the complete services of this host.
    :param settled: the units of this host that run as what they are to be; a beat among them has no other beside it.
    :param groups: the inventory's groups and their hosts.
    :return: the ``hosts``, to which this one belongs too, and those of them that must not be passed over, since they
        are in a group of the environments, as ``members``; the beginnings of the markers of the beats as
        ``marker_prefixes``, and the markers of those that may go on as ``keep_markers``; the directories where to
        ``search`` for them.
    """
    starting = {
        service["environment"]: service["marker"]
        for service in services
        if service["kind"] == "beat" and service["state"] == "started" and service["unit"] not in settled
    }
    hosts = list(groups["all"]) if starting else []
    return {
        "hosts": hosts,
        "members": [host for host in hosts if any(host in groups.get(name, []) for name in starting)],
        "marker_prefixes": [f"{name}/beat/" for name in starting],
        "keep_markers": list(starting.values()),
        "search": list(SEARCH),
    }
