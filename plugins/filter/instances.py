# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: instances
short_description: The files and units of the Redis instances that keep realms
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.files) and M(stalk.celery.units) take, for each realm of kind V(redis_socket) an
    instance of its own, and one for all of kind V(redis).
options:
  _input:
    description: The realms of the host, as P(stalk.celery.realms#filter) returns them.
    type: list
    elements: dict
    required: true
  program:
    description: Absolute path of C(redis-server) or C(valkey-server).
    type: str
    required: true
  selinux:
    description: Whether the host has SELinux, whose policy knows the files of Redis by their types.
    type: bool
    default: false
  accounts:
    description: Name of each environment and its account on the host, as M(stalk.celery.look) returns them. An
      instance of its own runs with its group.
    type: dict
    default: {}
"""

EXAMPLES = r"""
---
instances: "{{ realms | stalk.celery.instances('/usr/bin/redis-server') }}"
"""

RETURN = r"""
_value:
  description: The RV(ignore:files) and the RV(ignore:units).
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._realms import Realm, instances_of


def instances(
    realms: Sequence[Realm],
    program: str,
    selinux: bool = False,
    accounts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, list[dict[str, Any]]]:
    """Return the files and units of the instances."""
    groups = [{"group": accounts[realm["name"]]["group"]} if realm["name"] in accounts else {} for realm in realms]
    return instances_of([{**realm, **group} for realm, group in zip(realms, groups, strict=True)], program, selinux)


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"instances": instances}
