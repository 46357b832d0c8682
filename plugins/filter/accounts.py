# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: accounts
short_description: The users, groups and homes of environments
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.files) takes, a file for C(systemd-sysusers) (see C(man 5 sysusers.d)) for each
    environment whose user or group the collection makes, and the homes that it has to make.
options:
  _input:
    description: The environments, as P(stalk.celery.environments#filter) returns them.
    type: list
    elements: dict
    required: true
  found:
    description: Name of each environment and its account on the host, as M(stalk.celery.accounts) returns them. By
      default all accounts are to be made.
    type: dict
    default: {}
"""

EXAMPLES = r"""
---
accounts: "{{ celery_service_environments | stalk.celery.accounts(found.accounts) }}"
"""

RETURN = r"""
_value:
  description: The RV(ignore:files), the paths of those of them with a user or a group that does not exist yet as
    RV(ignore:missing), and the RV(ignore:directories).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._account_files import accounts_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"accounts": accounts_of}
