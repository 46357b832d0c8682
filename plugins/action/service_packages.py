# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._core import options_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._decided import decided
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._plan import Plan
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown

_OPTIONS: dict[str, Any] = {
    "environments": {"type": "list", "elements": "str", "required": True},
    "accounts": {"type": "dict", "required": True},
    "put_off_after": {"type": "int", "default": 0},
}


class ActionModule(ActionBase):
    """Hands the packages of the environments to the module virtualenvs; a requirement may have a password."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        options = options_of(self._task.args, _OPTIONS)
        wanted = decided(
            self, lambda inventory: Plan(inventory, options["environments"], options["accounts"]).virtualenvs()
        )
        arguments = {"environments": wanted, "put_off_after": options["put_off_after"]}
        return shown(self._execute_module("stalk.celery.virtualenvs", arguments, task_vars=task_vars or {}))
