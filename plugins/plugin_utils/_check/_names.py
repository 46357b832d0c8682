# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check celery_environments, the names of all environments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS

_VERBS = ("adopt", "remove", "restart", "rollback", "status", "verify")
_RESERVED = ("environment", "environments", "broker", "service", *KINDS, *_VERBS)
_ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")  # a group, a part of a variable, and by default a user


def problems_of_names(names: Sequence[Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the problems of the names.

    :param groups: the inventory's groups and their hosts.
    """
    if names and not isinstance(names, (list, tuple)):
        return ["celery_environments is not a list. Write into group_vars/all.yml: celery_environments: [live, uat]"]
    if not names:
        return ["celery_environments is not set. Write into group_vars/all.yml: celery_environments: [live, uat]"]
    found = (_problem_of_name(name, names[:index], groups) for index, name in enumerate(names))
    return [f"celery_environments[{index}] {problem}" for index, problem in enumerate(found) if problem]


def problem_of_new_name(name: Any) -> str | None:
    """Return why no environment of any inventory can have a name."""
    if not isinstance(name, str) or not _ENVIRONMENT_NAME.fullmatch(name):
        return f"is {name!r}, which cannot be an environment. Write a lower-case letter, then up to 30 of a-z, 0-9, _."
    if name in _RESERVED or name.startswith(tuple(f"{word}_" for word in _RESERVED)):
        return f"is {name}, but celery_{name} would be a variable of this collection. Choose another name."
    return None


def _problem_of_name(name: Any, earlier: Sequence[Any], groups: Mapping[str, Sequence[str]]) -> str | None:
    problem = problem_of_new_name(name)
    if problem:
        return problem
    if name in earlier:
        return f"is {name} a second time. Remove it."
    if name not in groups:
        return f"is {name}, but the inventory has no group {name}. Add [{name}] with its hosts, or remove the name."
    return None
