# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugins of files and look do on the controller: templates become texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.module_utils._arguments import FILES
from ansible_collections.stalk.celery.plugins.plugin_utils._core import Templates, options_of

_ONLY_HERE = ("template", "variables", "content")


def with_texts(action: ActionBase, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the module's arguments: ``files`` without their texts, which are in an option that Ansible never shows.

    That option is one JSON text, because Ansible censors the value of such an option wherever it occurs in the output,
    and the text of a secret file may be one that occurs there.
    """
    files = options_of({"files": arguments.get("files", [])}, {"files": FILES})["files"]
    templates = Templates(action, task_vars)
    return {
        **arguments,
        "files": [{option: value for option, value in file.items() if option not in _ONLY_HERE} for file in files],
        "_texts": json.dumps([_text(templates, file) for file in files]),
    }


def _text(templates: Templates, file: Mapping[str, Any]) -> str:
    if file["content"] is not None:
        return str(file["content"])
    if file["template"] is None:
        raise AnsibleActionFail(f"{file['path']}: neither 'template' nor 'content' is set; set one of them.")
    try:
        return templates.rendered(file["template"], file["variables"] or {})
    except AnsibleError as error:
        raise AnsibleActionFail(f"The template {file['template']!r} of {file['path']} cannot be rendered.") from error
