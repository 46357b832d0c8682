# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a template writes a string."""

from __future__ import annotations

DOCUMENTATION = r"""
name: quoted
short_description: Write a string so that the reader of a file reads just that string
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Quotes a string for the format of a file, or fails where the format cannot hold it, so that no value can become
    another line, directive or argument.
  - P(ansible.builtin.to_json#filter) and P(ansible.builtin.quote#filter) do neither for these formats.
options:
  _input:
    description: The string.
    type: str
    required: true
  syntax:
    description:
      - V(environment) is a value of a file that EnvironmentFile= names, V(unit) that of a directive of systemd in which
        C(%) begins a specifier, V(unit_path) a path in such a directive, V(comment) the text of a comment line.
      - V(logrotate) is a pattern, and V(logrotate_account) a user or a group, of logrotate.
      - V(sysusers) is a field of a line of systemd-sysusers, V(python) a string of a Python program, V(redis) a name
        in a file of Redis.
    type: str
    choices: [comment, environment, logrotate, logrotate_account, python, redis, sysusers, unit, unit_path]
    required: true
"""

EXAMPLES = r"""
---
line: "PASSWORD={{ 'a$b\"c' | stalk.celery.quoted('environment') }}"
"""

RETURN = r"""
_value:
  description: The text for the file.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats import (
    logrotate,
    python,
    redis_acl,
    systemd,
    sysusers,
    text,
)

_FORMATS: Mapping[str, Callable[[str], str]] = {
    "comment": text.comment,
    "environment": systemd.environment_value,
    "logrotate": logrotate.pattern,
    "logrotate_account": logrotate.account,
    "python": python.literal,
    "redis": redis_acl.name,
    "sysusers": sysusers.field,
    "unit": systemd.unit_value,
    "unit_path": systemd.unit_path,
}


def quoted(value: str, syntax: str) -> str:
    """Return a string as it stands in a file of this syntax. Raise ValueError if that cannot hold it."""
    return _FORMATS[syntax](value)


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"quoted": quoted}
