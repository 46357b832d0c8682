# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._core import options_of
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._beats import SEARCH
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._decided import decided
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._look import asked_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._plan import Plan
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._render import with_texts
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown

_OPTIONS: dict[str, Any] = {
    "environments": {"type": "list", "elements": "str"},
    "kinds": {"type": "list", "elements": "str", "choices": list(KINDS), "default": list(KINDS)},
    "passwords": {"type": "dict", "default": {}, "no_log": True},
    "accounts": {"type": "dict"},
}


class ActionModule(ActionBase):
    """Renders the files of the services on the controller and hands them to the module files."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        options = options_of(self._task.args, _OPTIONS)
        accounts = options["accounts"]
        if accounts is None:
            asked = {"accounts": decided(self, asked_of)}
            answer = self._execute_module("stalk.celery.look", asked, task_vars=variables)
            if answer.get("failed"):
                return shown(answer)
            accounts = answer["accounts"]
        wanted = decided(self, lambda inventory: _wanted(inventory, {**options, "accounts": accounts}))
        arguments = with_texts(self, wanted["arguments"], variables)
        result = shown(self._execute_module("stalk.celery.files", arguments, task_vars=variables))
        return {**result, **wanted["more"]}


def _wanted(inventory: Inventory, options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the module files, and what the module units takes after it."""
    plan = Plan(inventory, options["environments"], options["accounts"], options["passwords"])
    own = plan.marker_prefixes(options["kinds"])
    return {
        "arguments": {**plan.files(options["kinds"]), "marker_prefixes": own, "search": list(SEARCH)},
        "more": {
            "units": plan.units(options["kinds"]),
            "marker_prefixes": [f"{one['name']}/" for one in plan.environments],
            "timeout": plan.timeout,
        },
    }
