# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the services of a host need, as entries for the module stalk.celery.files."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._directives import line_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import LIBRARY, Service, marker_line

Entry = dict[str, Any]

_SOURCES = Path(__file__).parents[3] / "roles/celery_service/files/usr/local"
_COMMAND_SOURCE = _SOURCES / "bin/celery_command.py"
_LIBRARY_SOURCE = _SOURCES / "lib/celery"
_WATCH_SOURCE = "celery_watch.py"  # no service loads it
_LIBRARY_FILES = (
    "celery_drain.py",
    "celery_handover.py",
    "celery_overlap.py",
    "celery_prefetch.py",
    "celery_results.py",
    "celery_settle.py",
    "celery_systemd.py",
    "celery_systemd.dist-info/METADATA",
    "celery_systemd.dist-info/entry_points.txt",
)


def files_of(services: Sequence[Service], kinds: Container[str] = tuple(KINDS)) -> dict[str, list[Entry]]:
    """Return the files and directories of the services of some kinds, and once those of their environments.

    :param services: all services of the host; the operator command of an environment has the context of its first one.
    """
    firsts = {service["environment"]: service for service in reversed(services)}
    wanted = [service for service in services if service["kind"] in kinds]
    environments = dict.fromkeys(service["environment"] for service in wanted)
    of_environments = [entry for name in environments for entry in _of_environment(firsts[name])]
    return {
        "files": [entry for service in wanted for entry in _of_service(service)] + of_environments,
        "directories": list(_log_directories(wanted).values()),
    }


def _log_directories(services: Sequence[Service]) -> dict[str, Entry]:
    """Return the directories of the log files that systemd does not make, each once."""
    return {
        service["log_directory"]: {
            "path": service["log_directory"],
            "owner": service["user"],
            "group": service["group"],
            "mode": "0750",
            "setting": f"celery_{service['environment']}.log_file",
            "instead": f"/var/log/celery-{service['environment']}/%n.log",
        }
        for service in services
        if service["log_directory"]
    }


def _of_service(service: Service) -> list[Entry]:
    texts = {key: {name: line_of(name, text) for name, text in service[key].items()} for key in ("sandbox", "limits")}
    own = {"variables": {"service": service}}
    unit = {
        "path": f"/etc/systemd/system/{service['unit']}",
        "template": "etc/systemd/system/celery.service.j2",
        "variables": {"service": {**service, **texts}, "library": _version(_LIBRARY_FILES)},
        "unit": service["unit"],
    }
    env_file = {
        "path": service["env_file"],
        "template": "etc/conf.d/celery.conf.j2",
        "unit": service["unit"],
        "group": service["group"],
        "mode": "0640",
        "secret": True,
    }
    logrotate = {"path": f"/etc/logrotate.d/{service['stem']}", "template": "etc/logrotate.d/celery.j2"}
    return [{**own, **entry} for entry in (unit, env_file, *([logrotate] if "log_file" in service else []))]


def _of_environment(service: Service) -> list[Entry]:
    name = service["environment"]
    return [
        {
            "path": f"/etc/systemd/system/{service['target']}",
            "template": "etc/systemd/system/celery.target.j2",
            "variables": {"name": name, "marker_line": marker_line(name, "environment", "target")},
        },
        {
            "path": f"/usr/local/bin/celery-{name}",
            "template": "usr/local/bin/celery.j2",
            "variables": {
                "service": service,
                "marker_line": marker_line(name, "environment", "command"),
                "program": _COMMAND_SOURCE.read_text(encoding="utf-8").strip(),
            },
            "mode": "0755",
        },
        {
            "path": f"/etc/systemd/system/{service['watch']}",
            "template": "etc/systemd/system/stalk-watch.service.j2",
            "variables": {
                "name": name,
                "stem": service["watch"].removesuffix(".service"),
                "target": service["target"],
                "marker_line": marker_line(name, "environment", "watch"),
                "program": f"{LIBRARY.format(environment=name)}/{_WATCH_SOURCE}",
                "version": _version((_WATCH_SOURCE,)),
            },
            "unit": service["watch"],
        },
        *(_library_file(path, name) for path in (*_LIBRARY_FILES, _WATCH_SOURCE)),
    ]


def _version(paths: Sequence[str]) -> str:
    """Return what differs for each text of the files: who loads them has another unit then, and is restarted."""
    return hashlib.sha256(b"".join((_LIBRARY_SOURCE / path).read_bytes() for path in paths)).hexdigest()[:12]


def _library_file(path: str, environment: str) -> Entry:
    comment = "Summary:" if path.endswith("METADATA") else "#"  # METADATA consists of headers only
    text = (_LIBRARY_SOURCE / path).read_text(encoding="utf-8")
    return {
        "path": f"{LIBRARY.format(environment=environment)}/{path}",
        "content": f"{comment} {marker_line(environment, 'environment', 'library')}\n{text}",
    }
