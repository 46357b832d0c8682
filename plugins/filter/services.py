# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: The complete services of a host
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Turns environments into the flat list of the services that a host runs, each with all its defaults and with
    everything that the templates of role
    P(stalk.celery.celery_service#role) show.
  - The environments must be sound, see P(stalk.celery.problems#filter).
options:
  _input:
    description: The environments, as P(stalk.celery.environments#filter) returns them.
    type: list
    elements: dict
    required: true
  host:
    description: The host whose services to return.
    type: str
    required: true
"""

EXAMPLES = r"""
---
services: "{{ celery_service_environments | stalk.celery.services(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The services.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._services import services_of


def services(environments: Sequence[Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    """Return the services of all environments on the host."""
    return [service for environment in environments for service in services_of(environment, host=host)]


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"services": services}
