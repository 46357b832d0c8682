# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: migrations
short_description: The migrations of environments that a host can run
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns for each environment that has the key C(migrate) this command and the environment's first service on the
    host, for M(stalk.celery.migration).
options:
  _input:
    description: The environments, as P(stalk.celery.environments#filter) returns them.
    type: list
    elements: dict
    required: true
  services:
    description: The services of the host that run, as P(stalk.celery.services#filter) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
---
migrations: "{{ celery_service_environments | stalk.celery.migrations(services) }}"
"""

RETURN = r"""
_value:
  description: Name of each environment, with C(command) and C(unit).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._migrations import migrations_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"migrations": migrations_of}
