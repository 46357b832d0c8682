# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the collection uses of ansible-core beyond what the developer guide promises; nobody else does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible._internal._templating._utils import Omit
from ansible.constants import config
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.inventory.manager import split_host_pattern
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.parsing.vault import VaultLib, VaultSecretsContext, is_encrypted
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible.utils.display import Display
from jinja2 import UndefinedError

_NO_TERMINAL = 79  # characters that Ansible takes for the width where there is no terminal
_WIDTH = 160


def options_of(given: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with their types and defaults. Raises AnsibleActionFail for what the spec does not allow."""
    validated = ArgumentSpecValidator(spec).validate(given)
    if validated.error_messages:
        raise AnsibleActionFail("; ".join(validated.error_messages))
    options: dict[str, Any] = validated.validated_parameters
    return options


def evaluated(action: ActionBase, expression: str, **variables: Any) -> Any:
    """Return the value of an expression of Jinja, with these variables beside those of the task."""
    return action._templar.evaluate_expression(trust_as_template(expression), local_variables=variables)


def without_omitted(value: Any) -> Any:
    """Return a value without what is omitted in it, at any depth, and None for ``omit`` itself.

    A dict or a list in which a template fails stays as it is: it fails for who reads that value.
    """
    try:
        if isinstance(value, Mapping):
            items = {key: value[key] for key in value}
            return {key: without_omitted(item) for key, item in items.items() if item is not Omit}
        if isinstance(value, (list, tuple)):
            return [without_omitted(item) for item in value if item is not Omit]
    except (AnsibleError, UndefinedError):
        return value
    return None if value is Omit else value


class Templates:
    """The templates that a task may use, each of which is compiled once, however many files are made of it.

    The lookup ``template`` would compile it for each file, and copy all variables of the host.
    """

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any]) -> None:
        self._action = action
        self._task_vars = task_vars
        self._compiled: dict[str, tuple[Any, str]] = {}

    def rendered(self, template: str, variables: Mapping[str, Any]) -> str:
        """Return the text of a template, which is looked for where the task may have templates."""
        path = self._action._find_needle("templates", template)
        if path not in self._compiled:
            self._compiled[path] = self._templar(path), trust_as_template(_including(Path(path)))
        templar, text = self._compiled[path]
        templar.available_variables = {**self._task_vars, **variables}
        return str(templar.template(text, escape_backslashes=False))

    def _templar(self, path: str) -> Any:
        roots = [os.path.join(root, "templates") for root in self._task_vars.get("ansible_search_path", [])]
        return self._action._templar.copy_with_new_env(searchpath=[os.path.dirname(path), *roots])


def _including(path: Path) -> str:
    """Return a template that includes another one, which Jinja compiles once, and ends in as many empty lines."""
    text = path.read_text(encoding="utf-8")
    return f"{{% include {json.dumps(path.name)} %}}" + "\n" * (len(text) - len(text.rstrip("\n")))


def parts_of_limit(limit: str) -> list[str]:
    """Return the parts of ``--limit``, or of one of its parts."""
    parts: list[str] = split_host_pattern(limit)
    return parts


def yaml_of(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml_load(path.read_text(encoding="utf-8"))


def width() -> int:
    """Return how many characters a line of the terminal has, 160 without one."""
    columns: int | None = Display().columns
    return columns if columns and columns > _NO_TERMINAL else _WIDTH


def show(line: str, is_bad: bool) -> None:
    """Print a line, in the color of errors if it is bad."""
    Display().display(line, color=config.get_config_value("COLOR_ERROR") if is_bad else None)


def encrypted(text: str) -> str:
    """Return a text as ansible-vault encrypts it, if the run has a vault password; as it is otherwise."""
    context = VaultSecretsContext.current(optional=True)
    return str(VaultLib(context.secrets).encrypt(text).decode()) if context and context.secrets else text


def decrypted(text: str) -> str | None:
    """Return the text of a file that may be a vault; None for a vault that the passwords of the run do not open."""
    if not is_encrypted(text):
        return text
    context = VaultSecretsContext.current(optional=True)
    try:
        return str(VaultLib(context.secrets if context else []).decrypt(text).decode())
    except AnsibleError:
        return None
