# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._decided import decided
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._look import asked_of
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown


class ActionModule(ActionBase):
    """Adds the accounts that the environments of the host ask for."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = {**self._task.args, "accounts": decided(self, asked_of)}
        return shown(self._execute_module(module_args=arguments, task_vars=task_vars or {}))
