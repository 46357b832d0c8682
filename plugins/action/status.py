# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import cleaned
from ansible_collections.stalk.celery.plugins.plugin_utils._core import options_of, show, width
from ansible_collections.stalk.celery.plugins.plugin_utils._status._reports import REPORTS, report_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import status_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_page import page_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_table import lines_of

_OPTIONS = {"reports": REPORTS, "limit": {"type": "str", "default": ""}, "page": {"type": "path"}}


class ActionModule(ActionBase):
    """Prints the table and writes the page, without a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        options = options_of(self._task.args, _OPTIONS)
        reports = [report_of(raw) for raw in options["reports"]]
        status = status_of(reports, datetime.now(UTC), options["limit"])
        lines = [replace(line, text=cleaned(line.text)) for line in lines_of(status, width())]
        for line in lines:
            show(line.text, line.bad)
        if options["page"] and not self._task.check_mode:
            _write(Path(options["page"]).absolute(), page_of(status))
        return {"changed": False, "table": [line.text for line in lines]}


def _write(path: Path, page: str) -> None:
    """Write the page in one step, so that a reader never has half of it."""
    temporary = path.with_name(f".{path.name}.stalk-celery")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise AnsibleActionFail(
            f"celery_status_page: {path} cannot be written: {error.strerror}; name a file in a directory that exists."
        ) from error
