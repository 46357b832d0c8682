# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugins of files and preflight do on the controller: templates become texts, secrets go apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.stalk.celery.plugins.module_utils._arguments import FILES

_ONLY_HERE = ("template", "variables")


def with_texts(action: ActionBase, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The module's arguments: each of C(files) with its text, all secret texts in one option that is shown nowhere.

    That option is one JSON text, because Ansible censors the values of such an option wherever they occur in the
    output, and a secret file may well consist of a text that does occur there.
    """
    files = [_with_text(action, file, task_vars) for file in _validated(arguments.get("files", []))]
    return {
        **arguments,
        "files": [_public(file) for file in files],
        "_secrets": json.dumps({file["path"]: file["content"] for file in files if file["secret"]}),
    }


def _validated(files: Any) -> list[dict[str, Any]]:
    result = ArgumentSpecValidator({"files": FILES}).validate({"files": files})
    if result.error_messages:
        raise AnsibleActionFail("; ".join(result.error_messages))
    validated: list[dict[str, Any]] = result.validated_parameters["files"]
    return validated


def _with_text(action: ActionBase, file: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    if file["template"] is None and file["content"] is None:
        raise AnsibleActionFail(f"{file['path']}: neither 'template' nor 'content' is set; set one of them.")
    return file if file["template"] is None else {**file, "content": _rendered(action, file, task_vars)}


def _rendered(action: ActionBase, file: Mapping[str, Any], task_vars: Mapping[str, Any]) -> str:
    lookup = lookup_loader.get("ansible.builtin.template", loader=action._loader, templar=action._templar)
    try:
        (text,) = lookup.run([file["template"]], variables=task_vars, template_vars=file["variables"] or {})
    except AnsibleError as error:
        raise AnsibleActionFail(f"The template {file['template']!r} of {file['path']} cannot be rendered.") from error
    return str(text)


def _public(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        option: value
        for option, value in file.items()
        if option not in _ONLY_HERE and not (option == "content" and file["secret"])
    }
