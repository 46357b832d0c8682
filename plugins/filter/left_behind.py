# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: left_behind
short_description: What would be left behind when a host stops working for environments
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns why services must not be removed from a host, namely tasks in queues that nobody else consumes, a broker
    that does not say whether there are any, and a beat whose environment goes on elsewhere.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
  - stalk.celery.inventory.hostvars
options:
  _input:
    description: The services to be removed, as M(stalk.celery.service_facts) describes them.
    type: list
    elements: dict
    required: true
  inspected:
    description: What M(stalk.celery.worker_info) returned on the host.
    type: dict
    required: true
  leaving:
    description: The hosts from which the environments are removed.
    type: list
    elements: str
    required: true
  force:
    description: Whether tasks may stay in queues that nobody consumes.
    type: bool
    default: false
"""

EXAMPLES = r"""
---
problems: "{{ stalk_celery.services | stalk.celery.left_behind(inspected, ansible_play_hosts_all, groups, hostvars) }}"
# problems: ["the queue video of live has 12 tasks, and no other host consumes it. ..."]
"""

RETURN = r"""
_value:
  description: The problems, empty when there are none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._operations._removal import left_behind


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"left_behind": left_behind}
