# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services of a host as plain data, without secrets."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, Callable

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive, _neighbours, _own_services, _stale
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned


def facts(systemd: Systemd, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return the services of the host, what was kept of their environments, and foreign processes of Celery."""
    services, stale = _stale.look(_own_services.find(systemd), warn)
    return {
        "now": utc(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000),
        "services": [described(service, stale[service.unit.name]) for service in services],
        "generations": _archive.known(),
        "foreign": [str(process) for process in _neighbours.find(systemd, _neighbours.configured_here(services))],
    }


def described(service: Owned, stale: list[str]) -> dict[str, Any]:
    """Return a service as plain data without secrets."""
    unit = service.unit
    memory = unit["MemoryCurrent"]
    return {
        "environment": service.environment,
        "kind": service.kind,
        "name": service.name,
        "unit": unit.name,
        "node": service.node,
        "queues": service.queues,
        "pool": service.pool,
        "app": service.app,
        "user": service.user,
        "directory": service.directory,
        "state": unit["ActiveState"],
        "substate": unit["SubState"],
        "enabled": unit.is_enabled,
        "since": utc(unit.since),
        "pid": service.pid,
        "memory": int(memory) if memory.isdigit() and service.pid else None,
        "restarts": int(unit["NRestarts"] or 0),
        "crashing": service.keeps_crashing,
        "status": without_secrets(unit["StatusText"], service.variables),
        "release": _strangers.text(service.release),
        "current": _strangers.text(service.current),
        "stale": stale,
    }


def utc(monotonic: int) -> str:
    """Return a time of CLOCK_MONOTONIC in microseconds as a date of ISO 8601, empty for 0."""
    if not monotonic:
        return ""
    return datetime.fromtimestamp(_stale.wall_time(monotonic), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
