# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check paths: written in one way only, and in no directory from which other programs read or which they keep."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import literal_path
from ansible_collections.stalk.celery.plugins.plugin_utils._check._write_paths import problem_of_opening

_KEYS = ("home", "directory", "virtualenv", "env_file", "log_file")
_VARIABLES_ONLY = ("/etc/conf.d", "/etc/default", "/etc/sysconfig")
_READ_BY_OTHERS = re.compile(r"/etc/(celery-broker|skel|systemd|cron[^/]*|ssl|ssh|security|[^/]+\.d|.*\.d)(/.*)?")
_SHARED = re.compile(r"/(home|media|mnt|opt|srv|usr|usr/local|var|var/(backups|cache|lib|log|opt|spool))?")
_SYSTEM = re.compile(
    r"/(bin|boot|dev|etc|lib[0-9x]*|proc|root|run|sbin|sys|tmp|usr/(?!local/)[^/]+|var/(tmp|run|lock|mail)|"
    r"var/log/(journal|apt|private|audit)|var/spool/cron)(/.*)?"
)
_PLACEHOLDER = re.compile(r"%(.?)", re.DOTALL)


def problems_of_paths(path: str, own: Mapping[str, Any]) -> Iterator[str]:
    """Check the paths of one dict.

    :param path: its name for messages, as ``celery_live.workers[0]``.
    """
    for key in _KEYS:
        text = own.get(key)
        problem = _problem_of_path(text) if isinstance(text, str) else None
        if problem:
            yield f"{path}.{key} {problem}"
    for index, text in enumerate(own.get("env_files") or []):
        problem = _problem_of_path(text)
        if problem:
            yield f"{path}.env_files[{index}] {problem}"
    for index, text in enumerate(own.get("write_paths") or []):
        problem = _problem_of_characters(text) or problem_of_opening(text)
        if problem:
            yield f"{path}.write_paths[{index}] is {text!r}{problem}"
    if isinstance(own.get("virtualenv"), str) and "=" in own["virtualenv"]:
        yield f"{path}.virtualenv has =, and env(1) would take the path of celery for a variable. Use a path without."


def problem_of_env_file(env_file: str, unit: str) -> str | None:
    """Return why a service must not have its variables in a file, and where it may.

    Other programs read all files of many directories below /etc, some as commands; those of /etc/default and
    /etc/sysconfig are read by the service that has their name.
    """
    directory, name = posixpath.split(env_file)
    right = f"Write /etc/conf.d/{unit.removesuffix('.service')}.conf, or leave it out."
    if directory in _VARIABLES_ONLY:
        own = name.startswith(("celery", "flower", unit.removesuffix(".service"))) or name.endswith(".env")
        if own or directory == "/etc/conf.d":
            return None
        return f"is {env_file}, which another service may read. Write a name that begins with celery or ends with .env."
    if not env_file.startswith("/"):
        return None  # told as what is wrong with any path
    if not env_file.startswith("/etc/"):
        return f"is {env_file}, which is not below /etc, where root alone writes. {right}"
    if _READ_BY_OTHERS.fullmatch(directory):
        return f"is {env_file}, in a directory from which other programs read. {right}"
    if directory.startswith("/etc/celery") or name.endswith(".env"):
        return None
    return f"is {env_file}, which another program might read. Let its name end with .env, or leave it out. {right}"


def problem_of_log_file(log_file: str, environment: str, kind: str) -> str | None:
    """Return why a service must not write its log to a file, and what to write."""
    directory, name = posixpath.split(log_file)
    if "%" in directory:
        return "has a placeholder in its directory. Use placeholders only in the name of the file."
    if _SHARED.fullmatch(directory) or _SYSTEM.fullmatch(directory):
        return f"is in {directory}, which is the system's. Write /var/log/celery-{environment}/%n.log."
    allowed = "nIi%" if kind == "beat" else "nIihdp%"
    unknown = [found[0] for found in _PLACEHOLDER.finditer(name) if found[1] not in allowed or not found[1]]
    if unknown and kind == "beat":
        return f"has {unknown[0]}, but beat is no node. Write log_file for beat too, with %n at most."
    if unknown:
        return f"has {unknown[0]}, which is no placeholder of Celery. Write %n, %I, %i, %h, %d or %p, and %% for %."
    if re.search(r"%[Iihdp]$", name):
        return "ends with a placeholder, so that logrotate would rotate what it has rotated. Let it end with .log."
    return None


def _problem_of_path(text: str) -> str | None:
    problem = _problem_of_characters(text)
    if problem:
        return f"is {text!r}{problem}"
    if any(len(part.encode()) > 255 for part in text.split("/")):
        return "has a name of more than 255 bytes, which no file can have. Write a shorter one."
    normal = posixpath.normpath(text)
    if text != normal or text.startswith("//"):
        return f"is {text!r}. Write it without //, ., .. and / at its end: /{normal.lstrip('/')}."
    return None


def _problem_of_characters(text: str) -> str | None:
    try:
        literal_path(text)
    except ValueError as error:
        return f", which {error}."
    return None
