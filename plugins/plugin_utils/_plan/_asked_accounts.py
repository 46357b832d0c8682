# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which users, groups and homes the environments of a host ask for."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from jinja2 import UndefinedError

_TEXTS = ("group", "home")
_FLAGS = ("shared_user", "shared_group")


def asked_accounts(variables: Mapping[str, Any], run: Container[str]) -> list[dict[str, Any]]:
    """Return what the environments of a host ask for.

    :param variables: name -> the value of its celery_<name> variable. Of those outside the run it may be of any type.
    :param run: the environments that this run is about.
    """
    return [asked for name in variables for asked in _asked(name, variables, name in run)]


def _asked(name: str, variables: Mapping[str, Any], in_run: bool) -> Iterator[dict[str, Any]]:
    """Yield what one environment asks for, nothing where it cannot be read, for want of a vault password."""
    try:
        value = variables[name]
        if isinstance(value, Mapping):
            yield {
                "environment": name,
                "user": str(value.get("user") or name),
                **{key: str(value.get(key) or "") for key in _TEXTS},
                **{key: boolean(value.get(key), strict=False) for key in _FLAGS},
                "further_groups": further_groups(value),
                "in_run": in_run,
            }
    except (AnsibleError, UndefinedError):
        if in_run:
            raise


def further_groups(environment: Mapping[str, Any]) -> list[str]:
    """Return the groups that services of an environment have beside its own, each once."""
    texts = (str(own.get("SupplementaryGroups") or "") for own in _sandboxes(environment))
    return list(dict.fromkeys(name for text in texts for name in text.split()))


def _sandboxes(environment: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for own in (environment, *(one for kind in KINDS.values() for one in _dicts(environment.get(kind.key)))):
        sandbox = own.get("sandbox")
        if isinstance(sandbox, Mapping):
            yield sandbox


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    items = value if isinstance(value, Sequence) else [value]
    return [item for item in items if isinstance(item, Mapping)]
