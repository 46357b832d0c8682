# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: virtualenvs
short_description: The virtual environments that get their packages from the role
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.virtualenvs) takes, of the environments that have C(packages).
options:
  _input:
    description: The environments, as P(stalk.celery.environments#filter) returns them.
    type: list
    elements: dict
    required: true
  host:
    description: The host whose services run from them.
    type: str
    required: true
"""

EXAMPLES = r"""
---
virtualenvs: "{{ celery_service_environments | stalk.celery.virtualenvs(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The virtual environments, their packages, and the units that run from them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._virtualenvs import virtualenvs_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"virtualenvs": virtualenvs_of}
