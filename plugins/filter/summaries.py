# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: summaries
short_description: What a host has to know of services
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what modules take that look at services, of each service its names, its unit, what it shall do and the
    context in which it runs.
  - No value of C(environment) is among it, so that it may be shown and logged.
options:
  _input:
    description: The services, as M(stalk.celery.plan) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
---
summaries: "{{ services | stalk.celery.summaries }}"
"""

RETURN = r"""
_value:
  description:
    - For each service C(unit), C(environment), C(kind), C(name), C(type), C(state), C(user), C(group), C(directory),
      C(virtualenv), C(node), C(queues) and C(pool).
    - Beat and Flower have an empty C(node). C(queues) and C(pool) are empty where they are the application's.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import summaries_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"summaries": summaries_of}
