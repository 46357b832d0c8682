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
  - Of two beats of an environment each would send every task. So before one starts, those on all hosts of the inventory
    are stopped, but for those that take the same lock.
  - One that runs on the host itself is stopped too if it is to be another, since others may run beside it - one of
    several hosts that is to be the only one, or the reverse.
  - Names no host where all beats of this one run already as what they are to be.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
options:
  _input:
    description: The services of the host, as M(stalk.celery.plan) returns them.
    type: list
    elements: dict
    required: true
  settled:
    description: The units of the host that run as what they are to be, as M(stalk.celery.look) returns them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
---
others: "{{ services | stalk.celery.other_beats(look.settled, groups) }}"
# others: {hosts: [app1, db1], members: [app1], marker_prefixes: [live/beat/], keep_markers: [live/beat/beat/app1]}
"""

RETURN = r"""
_value:
  description:
    - The C(hosts) to be asked, and as C(members) those of them that are in a group of the environments.
    - As C(marker_prefixes) what the markers of the beats begin with, as C(keep_markers) the markers of those that may
      go on, and as C(search) where they may be, for M(stalk.celery.files).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._beats import other_beats


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"other_beats": other_beats}
