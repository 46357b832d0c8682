# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._core import options_of
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown

ARGUMENTS: dict[str, Any] = {
    "args": {"type": "list", "elements": "raw", "default": []},
    "kwargs": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """Hands the arguments of the task to the module in an option that Ansible shows and logs nowhere."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        given = {key: value for key, value in self._task.args.items() if key in ARGUMENTS}
        arguments = options_of(given, ARGUMENTS)
        result = self._execute_module(
            module_name="stalk.celery.task",
            module_args={
                **{key: value for key, value in self._task.args.items() if key not in ARGUMENTS},
                "_arguments": json.dumps([arguments["args"], arguments["kwargs"]]),
            },
            task_vars=task_vars or {},
        )
        return shown(result)
