# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: environment_value
short_description: Quote a value for a file that EnvironmentFile= names
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Quotes any string without NUL so that systemd reads the same string from the file (see C(man 5 systemd.exec)),
    also with quotes, dollar signs,
    backslashes, line breaks and control characters. P(ansible.builtin.to_json#filter) and
      P(ansible.builtin.quote#filter) do not.
options:
  _input:
    description: The value.
    type: str
    required: true
"""

EXAMPLES = r"""
---
line: "PASSWORD={{ 'a$b\"c' | stalk.celery.environment_value }}"
# line: PASSWORD="a\$b\"c"
"""

RETURN = r"""
_value:
  description: The value in double quotes.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._systemd import environment_value


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"environment_value": environment_value}
