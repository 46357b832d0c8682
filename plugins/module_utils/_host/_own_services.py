# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services of a host that the collection wrote, found by the markers in their unit files."""

from __future__ import annotations

import os

from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import assignments, parsed
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _handover, _owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit, failing_name

PROPERTIES = (
    *_systemctl.PROPERTIES,
    *_handover.PROPERTIES,
    "ActiveExitTimestampMonotonic",
    "Environment",
    "EnvironmentFiles",
    "Group",
    "InactiveEnterTimestampMonotonic",
    "InactiveExitTimestampMonotonic",
    "MemoryCurrent",
    "StatusText",
    "SupplementaryGroups",
    "TimeoutStartUSec",
    "User",
    "WatchdogTimestampMonotonic",
    "WorkingDirectory",
)


def units_by_name() -> dict[str, list[str]]:
    """Return the environment, kind and name of each unit on this host that the collection wrote."""
    names = {}
    prefixes = _disk.markers(_systemctl.UNIT_DIRECTORIES[0])
    for path, parts in ((path, marker.split("/")) for path, marker in prefixes.items() if path.endswith(".service")):
        if len(parts) >= len(("environment", "kind", "name")) and parts[1] in KINDS:
            names[os.path.basename(path)] = parts[:3]
    return names


def find(systemd: Systemd) -> list[Owned]:
    """Return all services of this host that the collection wrote. Raises ValueError if this user cannot read them."""
    names = units_by_name()
    if names and os.geteuid() != 0:
        raise ValueError("The services of a host can only be read by root: set 'become: true'.")
    units = systemd.show([*names, *map(failing_name, names)], PROPERTIES)
    crashing = {unit for unit in names if _owned.keeps_crashing(units[unit], units[failing_name(unit)])}
    owned = [
        Owned(environment, kind, name, units[unit], variables(units[unit]), keeps_crashing=unit in crashing)
        for unit, (environment, kind, name) in names.items()
    ]
    return sorted(owned, key=lambda service: (service.environment, [*KINDS].index(service.kind), service.name))


def variables(unit: Unit) -> dict[str, str]:
    """Return what ``unit``, its drop-ins and its environment files set, as far as they exist."""
    found = _disk.read_paths(_owned.env_files(unit))
    texts = (file.content.decode("utf-8", "replace") for file in found.values())
    read = {name: value for text in texts for name, value in parsed(text).items()}
    return {**assignments(unit["Environment"]), **read}
