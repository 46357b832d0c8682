# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: problems
short_description: What is wrong with the environments that a user wrote
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Checks the names of the environments, every key of the environments that the run converges on this host, and
    where they collide with each other and with
    the host's other environments.
  - No environment may share a broker with another one of the inventory. Environments that the host is not in are
    taken from the variables of the first host of their group, and do not count where these cannot be read.
  - So are environments whose broker the host is to keep, see P(stalk.celery.realms#filter).
  - Each problem names the variable, says what is wrong and what to write instead. No problem shows the value of an
    environment variable.
extends_documentation_fragment:
  - stalk.celery.inventory.groups
  - stalk.celery.inventory.host
  - stalk.celery.inventory.limit
options:
  _input:
    description: All environments, the value of C(celery_environments).
    type: list
    elements: str
    required: true
  variables:
    description: Name of each environment of the host and the value of its C(celery_<environment>) variable, none
      where it is not defined.
    type: dict
    required: true
  hostvars:
    description: The variables of all hosts, RV(ignore:hostvars).
    type: dict
    default: {}
"""

EXAMPLES = r"""
---
problems: "{{ celery_environments | stalk.celery.problems({'live': celery_live}, groups, inventory_hostname) }}"
# problems: ["celery_live.workers[0].concurency is not a known key; did you mean concurrency? ..."]
"""

RETURN = r"""
_value:
  description: The problems, empty when there are none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._check_environments import problems_of_environments
from ansible_collections.stalk.celery.plugins.plugin_utils._check_names import problems_of_names
from ansible_collections.stalk.celery.plugins.plugin_utils._check_realms import problems_of_realms
from ansible_collections.stalk.celery.plugins.plugin_utils._environments import environments_of_run


def problems(
    names: Sequence[Any],
    variables: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    host: str,
    limit: str = "",
    hostvars: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[str]:
    """Return the problems of the names, or when there are none those of the environments, or of their brokers."""
    run = environments_of_run(variables, limit)
    return (
        problems_of_names(names, groups)
        or problems_of_environments(names, variables, run, groups, host, hostvars)
        or problems_of_realms(names, run, groups, host, hostvars)
    )


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"problems": problems}
