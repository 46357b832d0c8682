# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rollback
short_description: Which run a rollback undoes
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Chooses the last run that kept something which differs from what a host runs now.
  - If that was a rollback that died, it is to be finished.
extends_documentation_fragment:
  - stalk.celery.inventory.limit
options:
  _input:
    description: RV(stalk.celery.generation_info#module:generations) of each host.
    type: list
    elements: dict
    required: true
  wanted:
    description: The run to undo. Empty for the last one.
    type: str
    default: ""
  missing:
    description: Hosts that could not be asked.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
---
rollback: "{{ listed.results | map(attribute='generations') | stalk.celery.rollback }}"
# rollback: {undo: 20261121T093000Z, run: '', problems: []}
"""

RETURN = r"""
_value:
  description:
    - C(undo) is the run to undo, C(run) the name of a rollback to be finished, both empty where there is none.
    - C(problems) says why there can be no rollback.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._operations._rollback import rollback_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"rollback": rollback_of}
