# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins need of ansible-core: their options, and the inventory, read as lazily as Jinja reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory import Inventory

_OWN = "(celery_environments | default([]) | intersect(group_names))"
_INVENTORY = (
    "celery_environments | default([])",
    f"dict({_OWN} | zip(q('ansible.builtin.vars', *({_OWN} | map('regex_replace', '^', 'celery_')), default=None)))",
    "groups",
    "inventory_hostname",
    "ansible_limit | default('')",
    "hostvars",
)


def options_of(given: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with their types and defaults. Raises AnsibleActionFail for what the spec does not allow."""
    validated = ArgumentSpecValidator(spec).validate(given)
    if validated.error_messages:
        raise AnsibleActionFail("; ".join(validated.error_messages))
    options: dict[str, Any] = validated.validated_parameters
    return options


def decided(action: ActionBase, decide: Callable[[Inventory], Any]) -> Any:
    """Return what a function makes of the inventory, as plain data.

    It is called from within an expression of Jinja: there the variables of an environment become values when they are
    read, so that a template which fails, or a vaulted text without its password, counts only where it is needed.
    """

    def call(*arguments: Any) -> Any:
        return decide(Inventory(*arguments))

    expression = trust_as_template(f"decide({', '.join(_INVENTORY)})")
    return action._templar.evaluate_expression(expression, local_variables={"decide": call})
