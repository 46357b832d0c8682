# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the values that a user may write in an environment, a worker, beat and Flower alike."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._brokers import brokers_of
from ansible_collections.stalk.celery.plugins.plugin_utils._check_write_paths import problem_of_opening
from ansible_collections.stalk.celery.plugins.plugin_utils._variables import STANDARD_VARIABLES

_PATH = re.compile(r"/[^\x00-\x20\x7f\"'\\*?:\[\]$]*")  # what EnvironmentFile= and BindReadOnlyPaths= take literally
_UNIT_NAME = re.compile(r"[A-Za-z0-9:_.@\\-]+\.[a-z]+")  # systemd.unit(5)
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # systemd.exec(5) drops others
_LONGEST_VARIABLE = 128 * 1024 - 1  # execve(2): MAX_ARG_STRLEN, without the terminating NUL


def problems_of_keys(path: str, own: Mapping[str, Any]) -> Iterator[str]:
    """Check one dict.

    :param path: its name for messages, as ``celery_live.workers[0]``.
    :param own: what the user wrote there, of the right types.
    """
    yield from _problems_of_paths(path, own)
    for name, value in (own.get("environment") or {}).items():
        problem = _problem_of_variable(str(name), value)
        if problem:
            yield f"{path}.environment.{name} {problem}"
    for unit in own.get("after") or []:
        if not _UNIT_NAME.fullmatch(unit):
            yield f"{path}.after has {unit!r}, which is no unit name. Write its suffix too, as in redis-server.service."
    for key in ("sandbox", "limits"):
        for name, value in (own.get(key) or {}).items():
            if "\n" in str(value):
                yield f"{path}.{key}.{name} has a line break. Write its values on one line."


def _problems_of_paths(path: str, own: Mapping[str, Any]) -> Iterator[str]:
    for key in ("home", "directory", "virtualenv", "env_file", "log_file"):
        problem = own.get(key) and _problem_of_path(str(own[key]))
        if problem:
            yield f"{path}.{key} is {str(own[key])!r}{problem}"
    for index, value in enumerate(own.get("write_paths") or []):
        problem = _problem_of_path(value) or problem_of_opening(value)
        if problem:
            yield f"{path}.write_paths[{index}] is {value!r}{problem}"
    if "%" in posixpath.dirname(str(own.get("log_file") or "")):
        yield f"{path}.log_file has a placeholder in its directory. Use placeholders only in the name of the file."


def _problem_of_path(value: str) -> str | None:
    if not value.startswith("/"):
        return ", which is not an absolute path. Write it from the root, for example /home/live/edc."
    if not _PATH.fullmatch(value):
        return ". systemd treats white space, quotes, \\, *, ?, :, [, ] and $ specially; use a path without them."
    return None


def _problem_of_variable(name: str, value: Any) -> str | None:
    """Say what is wrong with an environment variable; never its value, which may be a secret."""
    if not _VARIABLE_NAME.fullmatch(name):
        return "cannot be a variable: systemd drops it. Write letters, digits and _ only, not beginning with a digit."
    if name in STANDARD_VARIABLES:
        return "is written by the collection. Set app, virtualenv, log_level or keys of a worker or of flower instead."
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return 'is not a string. Write it in quotes, for example "1" or "true".'
    if "\0" in str(value):
        return "has a NUL character, which no variable can have. Encode the value, for example in base64."
    if name == "CELERY_BROKER_URL" and not _is_url(str(value)):
        return "is not a URL. Write /, #, ?, @, [ and ] of its password as %2F, %23, %3F, %40, %5B and %5D."
    try:
        size = len(f"{name}={value}".encode())
    except UnicodeEncodeError:
        return "is not valid UTF-8: systemd would refuse the whole file. Encode the value, for example in base64."
    if size > _LONGEST_VARIABLE:
        return f"is {size} bytes long with its name, of at most {_LONGEST_VARIABLE}. Keep it in a file, its path here."
    return None


def _is_url(value: str) -> bool:
    try:
        brokers_of(value, "")
    except ValueError:
        return False
    return True
