# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._files import files, vault
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._found import Adopted, adopted
from ansible_collections.stalk.celery.plugins.plugin_utils._core import decrypted, encrypted, options_of, show

_OPTIONS = {
    "results": {"type": "dict", "required": True},
    "unit_names": {"type": "bool", "default": False},
    "directory": {"type": "path"},
    "secrets": {"type": "path"},
}
_CONNECTION = ("ansible_host", "ansible_port", "ansible_user")


class ActionModule(ActionBase):
    """Shows or writes an inventory, without a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        options = options_of(self._task.args, _OPTIONS)
        found = adopted(options["results"], options["unit_names"])
        hostvars = (task_vars or {}).get("hostvars", {})
        connections = {host: _connection(hostvars[host]) for host in options["results"] if host in hostvars}
        texts = files(found.environments, connections, found.lines) if found.environments else {}
        planned: dict[Path, str] = {}
        secret: Path | None = None
        if not self._task.check_mode and found.environments:
            if options["directory"]:
                planned = {Path(options["directory"]).absolute() / path: text for path, text in texts.items()}
            if options["secrets"] and found.secrets:
                secret = Path(options["secrets"]).absolute()
        is_changed = _write_all(planned, secret, vault(found.secrets))
        _show(found, {} if planned else texts, planned, secret)
        return {
            "changed": is_changed,
            "environments": [one.name for one in found.environments],
            "files": [str(path) for path in (*planned, *([secret] if secret else []))],
            "lines": found.lines,
        }


def _connection(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {key: variables[key] for key in _CONNECTION if key in variables}


def _is_new(path: Path, text: str) -> bool:
    """Return whether a file is to be made. Raise AnsibleActionFail if another one is there."""
    try:
        there = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError) as error:
        raise AnsibleActionFail(f"{path} cannot be read: {error}. Name another directory or file.") from error
    if decrypted(there) == text:
        return False
    raise AnsibleActionFail(
        f"{path} exists and says something else. Nothing is overwritten: name a new directory in "
        "celery_adopt_directory and a new file in celery_adopt_secrets, or move this one away."
    )


def _write_all(planned: Mapping[Path, str], secret: Path | None, secrets: str) -> bool:
    """Write what is not there yet, nothing if something else is in the way; return whether anything was written."""
    new = {path: text for path, text in planned.items() if _is_new(path, text)}
    is_new_secret = secret is not None and _is_new(secret, secrets)
    for path, text in new.items():
        _write(path, text, 0o644)
    if secret is not None and is_new_secret:
        _write(secret, encrypted(secrets), 0o600)
    return bool(new) or is_new_secret


def _write(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AnsibleActionFail(f"{path} cannot be written: {error.strerror}. Name another place.") from error


def _show(found: Adopted, texts: Mapping[str, str], written: Mapping[Path, str], secret: Path | None) -> None:
    for name, text in texts.items():
        show(f"\n# {name}\n{text}", False)
    for line in [] if texts else found.lines:
        show(line, False)
    for path in written:
        show(f"Written: {path}", False)
    show(found.summary, False)
    if secret is not None:
        is_open = secret.read_text(encoding="utf-8") == vault(found.secrets)
        show(f"Written: {secret}" + (f"; encrypt it: ansible-vault encrypt {secret}" if is_open else ""), False)
    elif found.secrets:
        names = ", ".join(sorted(found.secrets))
        show(
            f"Not shown and not written are the secrets, to which these variables refer: {names}. Write them with "
            "-e celery_adopt_secrets=PATH, as DIRECTORY/group_vars/all/vault.yml, or define them yourself.",
            False,
        )
