# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._check._inventory import problems_of
from ansible_collections.stalk.celery.plugins.plugin_utils._core import options_of
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._decided import decided
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._plan import names_of, plan_of

environment_spec()  # Ansible loads a plugin before it forks for each task and host: so all of them have this


class ActionModule(ActionBase):
    """Checks the inventory and returns the plan, without a host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        options = options_of(self._task.args, {"check": {"type": "bool", "default": True}})
        if not options["check"]:
            return {"changed": False, **decided(self, names_of)}
        problems = decided(self, problems_of)
        if problems:
            return {"changed": False, "failed": True, "msg": "\n".join(problems)}
        return {"changed": False, **decided(self, plan_of)}
