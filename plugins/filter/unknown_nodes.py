# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: unknown_nodes
short_description: Workers of an environment that no host of the inventory has
version_added: 1.0.0
author: The stalk.celery authors
description:
  - A worker that somebody started elsewhere with the same broker takes its part of the tasks.
  - An environment of which a host told nothing is left out, since an unknown node may be that host's.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
options:
  _input:
    description: For each host what M(stalk.celery.verify) returned, of which C(nodes) and C(others) are looked at.
    type: dict
    required: true
  environments:
    description: The environments of the run.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
---
problems: "{{ {'app1': verified} | stalk.celery.unknown_nodes(groups, ['live']) }}"
# problems: ["live: the node celery@old1 consumes celery, and no host of the inventory has it: ..."]
"""

RETURN = r"""
_value:
  description: A sentence for each such node.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._status._nodes import problems_of_nodes


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"unknown_nodes": problems_of_nodes}
