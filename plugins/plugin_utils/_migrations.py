# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs the migrations of an environment in the context of one of its services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._services import Service

_DAY = 86400


def migrations_of(environments: Sequence[Mapping[str, Any]], services: Sequence[Service]) -> dict[str, list[str]]:
    """Return the command line of each environment that has migrations and a service among these."""
    firsts = {service["environment"]: service for service in reversed(services)}
    return {
        environment["name"]: _command(environment["migrate"], firsts[environment["name"]])
        for environment in environments
        if environment.get("migrate") and environment["name"] in firsts
    }


def _command(command: str, service: Service) -> list[str]:
    groups = service["sandbox"].get("SupplementaryGroups")
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        "--wait",
        "--pipe",
        "--service-type=exec",
        f"--property=RuntimeMaxSec={_DAY}",
        f"--uid={service['user']}",
        f"--gid={service['group']}",
        f"--working-directory={service['directory']}",
        f"--setenv=PATH={service['virtualenv']}/bin:/usr/local/bin:/usr/bin:/bin",
        *(f"--property=EnvironmentFile={path}" for path in (*service["env_files"], service["env_file"])),
        *([f"--property=SupplementaryGroups={groups}"] if groups else []),
        "--",
        "/bin/sh",
        "-c",
        command.replace("$", "$$"),  # systemd-run expands $NAME (man 1 systemd-run); this is for the shell
    ]
