# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: strays
short_description: What runs on a host and the inventory does not ask for
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Services of environments of the run that are none of the host's.
  - One machine may be several hosts of the inventory, each in the groups of its own environments. What it runs for one
    of them is no stray of another one.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
  - stalk.celery.inventory.host
options:
  _input:
    description: What M(stalk.celery.verify) returned on the host, of which C(orphans) and C(machine) are looked at.
    type: dict
    required: true
  answers:
    description: For each host of the run what M(stalk.celery.verify) returned there.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
problems: "{{ verified | stalk.celery.strays(groups, inventory_hostname, {'app2': verified_there}) }}"
# problems: ["uat/w1: celery-uat-w1.service runs, and the inventory does not ask for it; run site.yml, or remove.yml."]
"""

RETURN = r"""
_value:
  description: A sentence for each of them.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._operations._machines import strays


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"strays": strays}
