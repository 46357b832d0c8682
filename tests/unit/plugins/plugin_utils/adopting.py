# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts answer to foreign_info."""

from __future__ import annotations

from typing import Any

WORKER: dict[str, Any] = {
    "kind": "worker",
    "manager": "systemd",
    "name": "celery.service",
    "source": "/etc/systemd/system/celery.service",
    "text": "ExecStart=celery -A edc worker",
    "is_alone": True,
    "command": [],
    "virtualenv": "/srv/edc/venv",
    "options": [["--app", "edc"], ["--hostname", "w1@%h"]],
    "user": "live",
    "group": "",
    "directory": "/srv/edc",
    "variables": {},
    "settings": [],
    "sourced": [],
    "write_paths": [],
    "nice": 0,
    "running": True,
    "enabled": True,
}


def service(*options: str, **changes: Any) -> dict[str, Any]:
    """Return a service, by default a worker of user live, with further options as ``--queues=a``."""
    pairs = [[name, value] for name, _equals, value in (option.partition("=") for option in options)]
    own = {**WORKER, **changes}
    return {**own, "options": [*own["options"], *pairs]}


def beat(**changes: Any) -> dict[str, Any]:
    """Return a beat of the same application."""
    return service(**{"kind": "beat", "name": "beat.service", "options": [["--app", "edc"]], **changes})


def host(*services: dict[str, Any], lines: tuple[str, ...] | list[str] = (), name: str = "app1") -> dict[str, Any]:
    """Return the result of a host."""
    return {"changed": False, "hostname": name, "lines": list(lines), "services": list(services)}
