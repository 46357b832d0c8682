# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided of the inventory, within a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._core import evaluated
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory

_OWN = "(celery_environments | default([]) | intersect(group_names))"
_INVENTORY = (
    "celery_environments | default([])",
    f"dict({_OWN} | zip(q('ansible.builtin.vars', *({_OWN} | map('regex_replace', '^', 'celery_')), default=None)))",
    "groups",
    "inventory_hostname",
    "ansible_limit | default('')",
    "hostvars",
)


def decided(action: ActionBase, decide: Callable[[Inventory], Any]) -> Any:
    """Return what a function makes of the inventory, as plain data.

    It is called from within an expression of Jinja: there the variables of an environment become values when they are
    read, so that a template which fails, or a vaulted text without its password, counts only where it is needed.
    """

    def call(*arguments: Any) -> Any:
        return decide(Inventory(*arguments))

    return evaluated(action, f"decide({', '.join(_INVENTORY)})", decide=call)
