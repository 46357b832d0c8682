# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection decides of an inventory, as functions of plain dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._check._inventory import problems_of
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._plan import Plan
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import Service, services_of


def problems(
    names: Sequence[Any],
    variables: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    host: str,
    limit: str = "",
    hostvars: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """Return what is wrong with an inventory, seen from a host."""
    return problems_of(Inventory(names, variables, groups, host, limit, hostvars or {}))


def environments(
    variables: Mapping[str, Mapping[str, Any]],
    limit: str = "",
    host: str = "",
    passwords: Mapping[str, str] | None = None,
    accounts: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return the complete environments of a run."""
    inventory = Inventory(list(variables), variables, {}, host, limit)
    return Plan(inventory, accounts=accounts or {}, passwords=passwords or {}).environments


def services(complete: Sequence[Mapping[str, Any]], host: str) -> list[Service]:
    """Return the complete services of a host."""
    return [service for one in complete for service in services_of(one, host=host)]
