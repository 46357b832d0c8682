# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migrations of environments, and the service beside which each of them runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import Service


def migrations_of(environments: Sequence[Mapping[str, Any]], services: Sequence[Service]) -> dict[str, dict[str, str]]:
    """Return what the module takes, for each environment that has migrations and a service among these."""
    firsts = {service["environment"]: service for service in reversed(services)}
    return {
        environment["name"]: {"command": environment["migrate"], "unit": firsts[environment["name"]]["unit"]}
        for environment in environments
        if environment.get("migrate") and environment["name"] in firsts
    }
