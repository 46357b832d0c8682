# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: misleading
short_description: Hosts of the inventory that lead to another host's machine
version_added: 1.0.0
author: The stalk.celery authors
description:
  - What is delegated to a host runs on the machine that its connection leads to. With ansible-pull, C(-c local) or a
    wrong C(ansible_host) that is another one, and its answer says nothing about the host.
options:
  _input:
    description: The C(machine) that answered for each host, as M(stalk.celery.files) returns it, empty without one.
    type: dict
    required: true
  host:
    description: The host that asks.
    type: str
    required: true
"""

EXAMPLES = r"""
---
misled: "{{ {'app1': '6b0e', 'app2': '6b0e'} | stalk.celery.misleading('app2') }}"
# misled: {app1: 'app1 leads to this machine (ansible_connection: local?)'}
"""

RETURN = r"""
_value:
  description: For each such host a sentence that says where it leads to.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._operations._machines import misleading


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"misleading": misleading}
