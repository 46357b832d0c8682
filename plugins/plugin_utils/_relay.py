# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return reaches the controller's terminal without control characters, whoever the host belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import cleaned

_DATA = ("result",)  # what a task returned is handed on as it is


def shown(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a module as it may be shown."""
    return {key: value if key in _DATA else cleaned(value) for key, value in result.items()}


class Relay(ActionBase):
    """Runs the module of the same name and hands on its result as it may be shown."""

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        wrap_async = self._task.async_val and not self._connection.has_native_async
        return shown(self._execute_module(task_vars=task_vars or {}, wrap_async=wrap_async))
