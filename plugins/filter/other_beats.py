# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: other_beats
short_description: Where beat has to be stopped before it may start on a host
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Of two beats of an environment each would send every task. So before one starts, it is stopped on every other host
    of the inventory, but for those that the environment names as hosts of beat too.
  - Returns nothing where all beats of the host run already.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
  - stalk.celery.inventory.host
options:
  _input:
    description: The services of the host, as P(stalk.celery.services#filter) returns them.
    type: list
    elements: dict
    required: true
  running:
    description: The units of the host that run, as M(stalk.celery.preflight) returns them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
---
others: "{{ services | stalk.celery.other_beats(preflight.running, groups, inventory_hostname) }}"
# others: [{host: app2, owners: [live/beat/], environments: [live]}]
"""

RETURN = r"""
_value:
  description:
    - For each host its name as C(host) and as C(owners) what the markers of the beats begin with, for
      M(stalk.celery.files).
    - As C(environments) those of them whose groups the host is in.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._beats import other_beats


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"other_beats": other_beats}
