# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: environments
short_description: The environments that a run converges on a host
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Turns the environments of a host into the list that role P(stalk.celery.celery_service#role) takes, without
    those that the run leaves alone.
  - C(--limit) selects hosts, not environments. When a part of it matches environments (C(-l live), C(-l 'live[0]'),
    C(-l 'li*')), only these are converged, so that the other environments of a shared host stay as they are.
    A limit that matches none (C(-l app1)) converges all environments of the host.
options:
  _input:
    description: Name of each environment of the host and the value of its C(celery_<environment>) variable.
    type: dict
    required: true
  limit:
    description: The text of C(--limit), which Ansible keeps in C(ansible_limit). Empty when there is none.
    type: str
    default: ""
  host:
    description: The host, RV(ignore:inventory_hostname), for the way to the brokers of O(ignore:broker).
    type: str
    default: ""
  passwords:
    description: Name of each of these environments and its password, as M(stalk.celery.passwords) returns them.
    type: dict
    default: {}
  accounts:
    description: Name of each of these environments and its account on the host, as M(stalk.celery.accounts) returns
      them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
---
live_only: "{{ {'live': celery_live, 'uat': celery_uat} | stalk.celery.environments('live') }}"
# live_only: [{name: live, app: ...}]
"""

RETURN = r"""
_value:
  description: The environments, each with its name and the defaults of its own keys.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._environments import (
    complete_environment,
    environments_of_run,
)
from ansible_collections.stalk.celery.plugins.plugin_utils._realms import with_broker


def environments(
    variables: Mapping[str, Mapping[str, Any]],
    limit: str = "",
    host: str = "",
    passwords: Mapping[str, str] = MappingProxyType({}),
    accounts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return the environments of the run, complete with their names, their defaults and the way to their brokers."""
    run = environments_of_run(variables, limit)
    found = [complete_environment(name, variables[name], accounts.get(name, {})) for name in run]
    return [with_broker(environment, host, passwords.get(environment["name"], "")) for environment in found]


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"environments": environments}
