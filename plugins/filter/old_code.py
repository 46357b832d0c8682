# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: old_code
short_description: Which services of the fleet still run the old code
version_added: 1.0.0
author: The stalk.celery authors
description:
  - After a rolling restart that stopped on the way, says for each host what was not restarted or handed over.
options:
  _input:
    description: The hosts of the play.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
  running:
    description: Name of the variable that has the units which ran at the beginning.
    type: str
    required: true
  restarted:
    description: Name of the variable that has the result of M(stalk.celery.restart).
    type: str
    required: true
"""

EXAMPLES = r"""
---
still: "{{ ansible_play_hosts_all | stalk.celery.old_code(hostvars, 'running', 'restarted') }}"
# still: ["app2: celery-live-w1.service"]
"""

RETURN = r"""
_value:
  description: One text for each host that has such services.
  type: list
  elements: str
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def old_code(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], running: str, restarted: str
) -> list[str]:
    """Return for each host which of its services were not restarted."""
    found = {}
    for host in hosts:
        ran = hostvars[host].get(running, [])
        told = hostvars[host].get(restarted, {})
        done = {*told.get("restarted", []), *told.get("failed_units", [])} - {*told.get("remaining", [])}
        found[host] = [unit for unit in ran if unit not in done]
    return [f"{host}: {', '.join(units)}" for host, units in found.items() if units]


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"old_code": old_code}
