# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: units
short_description: The units of services and whether they run
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.units) takes, the unit of each service, and of each environment the
    target and what watches for services that keep crashing.
options:
  _input:
    description: The services, as P(stalk.celery.services#filter) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
---
units: "{{ services | stalk.celery.units }}"
"""

RETURN = r"""
_value:
  description: The units.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._services import units_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"units": units_of}
