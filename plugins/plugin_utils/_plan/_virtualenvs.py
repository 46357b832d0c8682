# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which virtual environments of a host get their packages from the role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import services_of

_KEYS = ("name", "user", "home", "virtualenv", "python", "packages")


def virtualenvs_of(environments: Sequence[Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    """Return what the module stalk.celery.virtualenvs takes, of the environments that have ``packages``.

    :param host: the host whose services run from them.
    """
    return [
        {**{key: environment[key] for key in _KEYS}, "units": _units(environment, host)}
        for environment in environments
        if "packages" in environment
    ]


def _units(environment: Mapping[str, Any], host: str) -> list[str]:
    return [service["unit"] for service in services_of(environment, host=host) if service["managed_virtualenv"]]
