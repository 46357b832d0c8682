# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._core import options_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._decided import decided
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._look import (
    Found,
    accounts_only,
    asked_of,
    is_installed,
    question_of,
    steps_of,
)
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._program import trial_program
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._render import with_texts
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown

_OPTIONS: dict[str, Any] = {
    "environments": {"type": "list", "elements": "str"},
    "kinds": {"type": "list", "elements": "str", "choices": list(KINDS), "default": list(KINDS)},
    "passwords": {"type": "dict", "default": {}, "no_log": True},
    "installed": {"type": "bool", "default": False},
    "everything": {"type": "bool", "default": False},
    "only_accounts": {"type": "bool", "default": False},
    "takeover": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """Asks the host for its accounts, since files depend on them, and then for all that differs from the plan."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        options = options_of(self._task.args, _OPTIONS)
        accounts = self._ask("look", {"accounts": decided(self, asked_of)}, variables)
        if accounts.get("failed") or accounts["problems"]:
            return accounts
        if options["only_accounts"]:
            steps = decided(self, lambda inventory: accounts_only(inventory, options, accounts["accounts"]))
            return {**accounts, **steps}
        return self._look(options, accounts["accounts"], variables)

    def _look(
        self, options: Mapping[str, Any], accounts: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        question = decided(self, lambda inventory: question_of(inventory, options, accounts))
        virtualenvs = question.pop("virtualenvs")
        arguments = {**question, **{key: options[key] for key in ("kinds", "everything", "takeover")}}
        script = {"_script": json.dumps(trial_program())}
        found = self._ask("look", {**with_texts(self, arguments, variables), **script}, variables)
        if found.get("failed"):
            return found
        problems = [*found["problems"], *self._problems_of_packages(virtualenvs, options, variables)]
        seen = Found(**{key: found[key] for key in Found.__dataclass_fields__})
        steps = decided(self, lambda inventory: steps_of(inventory, options, accounts, seen))
        return {**found, **steps, "problems": [*problems, *steps.pop("unserved")], "accounts": accounts}

    def _problems_of_packages(
        self, virtualenvs: Collection[Any], options: Mapping[str, Any], variables: dict[str, Any]
    ) -> list[str]:
        """Return what would be in the way of an installation of packages that is still to come."""
        if not virtualenvs or is_installed(options):
            return []
        checked = self._ask("virtualenvs", {"environments": virtualenvs, "state": "checked"}, variables)
        return list(checked["problems"]) if "problems" in checked else [checked["msg"]]

    def _ask(self, module: str, arguments: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        name = f"stalk.celery.{module}"
        return shown(self._execute_module(module_name=name, module_args=dict(arguments), task_vars=variables))
