# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: realms
short_description: The realms that a run makes on the host of a broker
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns the environments whose O(ignore:broker.host) is the host, each with its broker's keys, user and group.
  - As everywhere, a C(--limit) that names environments leaves the others out.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
  - stalk.celery.inventory.hostvars
  - stalk.celery.inventory.host
  - stalk.celery.inventory.limit
options:
  _input:
    description: All environments, the value of C(celery_environments).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
---
realms: "{{ celery_environments | stalk.celery.realms(groups, hostvars, inventory_hostname) }}"
# realms: [{name: live, kind: redis, host: broker1, port: 6379, user: live, group: live, local: false, ...}]
"""

RETURN = r"""
_value:
  description: The realms.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._realms import Realm, realms_of_host


def realms(
    names: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    host: str,
    limit: str = "",
) -> list[Realm]:
    """Return the realms of the host."""
    return realms_of_host(host, names, groups, hostvars, limit)


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"realms": realms}
