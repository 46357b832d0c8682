# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: trials
short_description: What has to be tried before services are changed
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.preflight) takes.
  - Services whose virtual environment the role installs can be tried only when that is done.
options:
  _input:
    description: The services, as P(stalk.celery.services#filter) returns them.
    type: list
    elements: dict
    required: true
  installed:
    description: Whether the virtual environments that the role installs are complete.
    type: bool
    default: false
"""

EXAMPLES = r"""
---
trials: "{{ services | stalk.celery.trials }}"
"""

RETURN = r"""
_value:
  description: The services to look at.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._services import trials_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"trials": trials_of}
