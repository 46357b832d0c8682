# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What filters have to know of the inventory and the run."""

    GROUPS = r"""
options:
  groups:
    description: The inventory's groups and their hosts, RV(ignore:groups).
    type: dict
    required: true
"""

    HOSTVARS = r"""
options:
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
"""

    HOST = r"""
options:
  host:
    description: The host, RV(ignore:inventory_hostname).
    type: str
    required: true
"""

    LIMIT = r"""
options:
  limit:
    description: The text of C(--limit). Empty when there is none.
    type: str
    default: ""
"""
