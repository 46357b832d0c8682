# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._render import with_texts
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown


class ActionModule(ActionBase):
    """Renders the templates on the controller and hands the texts to the module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        result = self._execute_module(
            module_name="stalk.celery.files",
            module_args=with_texts(self, self._task.args, variables),
            task_vars=variables,
        )
        return shown(result)
