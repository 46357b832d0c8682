# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the values that a user may write in an environment, a worker, beat and Flower alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import environment_value
from ansible_collections.stalk.celery.plugins.plugin_utils._check._paths import problems_of_paths
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._types import shown
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._brokers import brokers_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._variables import STANDARD_VARIABLES

_UNIT_NAME = re.compile(  # systemd.unit(5): 255 characters in all; a template has its instance
    r"(?=.{3,255}$)[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?"
    r"\.(automount|device|mount|path|scope|service|slice|socket|swap|target|timer)"
)
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # systemd.exec(5) drops others
_LONGEST_VARIABLE = 128 * 1024 - 1  # execve(2): MAX_ARG_STRLEN, without the terminating NUL


def problems_of_keys(path: str, own: Mapping[str, Any]) -> Iterator[str]:
    """Check one dict.

    :param path: its name for messages, as ``celery_live.workers[0]``.
    :param own: what the user wrote there, of the right types.
    """
    yield from problems_of_paths(path, own)
    for name, value in (own.get("environment") or {}).items():
        problem = _problem_of_variable(name, value)
        if problem:
            yield f"{path}.environment.{shown(name)} {problem}"
    for key in ("after", "requires"):
        for unit in own.get(key) or []:
            if not _UNIT_NAME.fullmatch(unit):
                yield f"{path}.{key} has {unit!r}, which is no unit name. Write its suffix, as in redis-server.service."


def _problem_of_variable(name: str, value: Any) -> str | None:
    """Say what is wrong with an environment variable; never its value, which may be a secret."""
    if not _VARIABLE_NAME.fullmatch(name):
        return "cannot be a variable: systemd drops it. Write letters, digits and _ only, not beginning with a digit."
    if name in STANDARD_VARIABLES:
        return "is written by the collection. Set app, virtualenv, log_level or keys of a worker or of flower instead."
    if not isinstance(value, str):
        return 'is not a string. Write it in quotes, for example "1" or "true".'
    try:
        environment_value(value)
    except ValueError as error:
        return f"{error}."
    if name == "CELERY_BROKER_URL" and not _is_url(value):
        return "is not a URL. Write /, #, ?, @, [ and ] of its password as %2F, %23, %3F, %40, %5B and %5D."
    size = len(f"{name}={value}".encode())
    if size > _LONGEST_VARIABLE:
        return f"is {size} bytes long with its name, of at most {_LONGEST_VARIABLE}. Keep it in a file, its path here."
    return None


def _is_url(value: str) -> bool:
    try:
        brokers_of(value, "")
    except ValueError:
        return False
    return True
