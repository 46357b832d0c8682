# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: asked_accounts
short_description: Which users, groups and homes the environments of a host ask for
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.accounts) takes, of all environments of the host, since what one may have depends on
    what the others have.
extends_documentation_fragment:
  - stalk.celery.inventory.limit
options:
  _input:
    description: Name of each environment of the host and the value of its C(celery_<environment>) variable.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
asked: "{{ {'live': celery_live, 'uat': celery_uat} | stalk.celery.asked_accounts(ansible_limit | default('')) }}"
# asked: [{environment: live, user: live, group: '', home: '', in_run: true, ...}]
"""

RETURN = r"""
_value:
  description: For each environment what it asks for, empty where it says nothing.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._asked_accounts import asked_accounts
from ansible_collections.stalk.celery.plugins.plugin_utils._environments import environments_of_run


def asked(variables: Mapping[str, Any], limit: str = "") -> list[dict[str, Any]]:
    """Return what the environments of a host ask for."""
    return asked_accounts(variables, environments_of_run(variables, limit))


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"asked_accounts": asked}
