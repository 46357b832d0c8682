# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host needs to get the users, groups and homes that the collection makes, and nothing for those that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import marker_line

Account = Mapping[str, Any]

_TO_BE_MADE = dict.fromkeys(("makes_user", "makes_group", "makes_home", "missing"), True)


def accounts_of(
    environments: Sequence[Mapping[str, Any]], found: Mapping[str, Account] = MappingProxyType({})
) -> dict[str, list[Any]]:
    """Return the files for systemd-sysusers, those of them that it has to read, and the homes that are missing.

    :param found: name of each environment and what the module look says of it; without that all is to be made.
    """
    pairs = [(environment, {**_TO_BE_MADE, **found.get(environment["name"], {})}) for environment in environments]
    made = [(environment, account) for environment, account in pairs if account["makes_user"] or account["makes_group"]]
    return {
        "files": [_file(environment, account) for environment, account in made],
        "missing": [_path(environment) for environment, account in made if account["missing"]],
        "directories": [_home(environment) for environment, account in pairs if account["makes_home"]],
    }


def _file(environment: Mapping[str, Any], account: Account) -> dict[str, Any]:
    names = {key: environment[key] for key in ("name", "user", "group", "home")}
    own = marker_line(environment["name"], "environment", "accounts")
    return {
        "path": _path(environment),
        "template": "etc/sysusers.d/celery.conf.j2",
        "variables": {**names, "makes_user": account["makes_user"], "marker_line": own},
    }


def _path(environment: Mapping[str, Any]) -> str:
    return f"/etc/sysusers.d/celery-{environment['name']}.conf"


def _home(environment: Mapping[str, Any]) -> dict[str, str]:
    return {"path": environment["home"], "owner": environment["user"], "group": environment["group"], "mode": "0750"}
