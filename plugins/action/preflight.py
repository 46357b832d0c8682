# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.stalk.celery.plugins.plugin_utils._render import with_texts

SCRIPT = Path(__file__).parents[2] / "roles/celery_service/files/try_app.py"


class ActionModule(ActionBase):
    """Renders the templates on the controller and hands the texts to the module, with the program that tries an app."""

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = with_texts(self, self._task.args, variables)
        try:
            result: dict[str, Any] = self._execute_module(
                module_name="stalk.celery.preflight",
                module_args={**arguments, "_script": SCRIPT.read_text(encoding="utf-8")},
                task_vars=variables,
            )
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result
