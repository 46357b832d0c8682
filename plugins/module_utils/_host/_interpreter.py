# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Python a virtual environment's celery runs with: that of its first line, wherever it lies."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Iterable

from ansible_collections.stalk.celery.plugins.module_utils._host import _paths

_HEAD = 4096  # bytes
_PLAIN = re.compile(rb"#![ \t]*(/[^\s\x00-\x1f\x7f]+)(?=\s|$)")
_THROUGH_SHELL = re.compile(rb"#![ \t]*/bin/sh\s*\n'''exec' \"?(/[^\"'$`\x00-\x1f\x7f]+?)\"? \"\$0\" \"\$@\"")
_SHELLS = ("bash", "dash", "env", "ksh", "sh", "zsh")


def first_line(head: bytes) -> str:
    """Return the interpreter of a script that begins with ``head``, empty for a shell or what is looked up in PATH."""
    through = _THROUGH_SHELL.match(head)
    plain = _PLAIN.match(head)
    found = through or plain
    path = found[1].decode("utf-8", "replace") if found else ""
    return "" if os.path.basename(path) in _SHELLS else path


def celery(virtualenv: str) -> str:
    """Return the script."""
    return os.path.join(virtualenv, "bin/celery")


def written(virtualenv: str) -> str:
    """Return the interpreter that celery of ``virtualenv`` names, empty if it is none or cannot be read."""
    with contextlib.suppress(OSError):
        real = os.path.realpath(celery(virtualenv))
        if os.path.isfile(real):
            with _paths.parent(real) as (place, name):
                return first_line(place.head(name, _HEAD))
    return ""


def interpreter(virtualenv: str) -> str:
    """Return the Python that the application of a service with ``virtualenv`` runs with."""
    candidates = (written(virtualenv), *_in(virtualenv))
    return next((path for path in candidates if path and os.path.exists(path)), os.path.join(virtualenv, "bin/python"))


def _in(virtualenv: str) -> Iterable[str]:
    return (os.path.join(virtualenv, "bin", name) for name in ("python", "python3"))


def problems(virtualenv: str, variable: str) -> list[str]:
    """Return why celery of ``virtualenv``, which ``variable`` names, would not run, or not with its packages."""
    path = written(virtualenv)
    if not path:
        return []
    begins = f"{celery(virtualenv)} begins with #!{path}"
    if not os.path.exists(path):
        leads = f", a link to {os.path.realpath(path)}" if os.path.islink(path) else ""
        return [
            f"{begins}{leads}, which is not there: the virtual environment was moved or copied, or its Python was "
            f"removed. Make it anew in {virtualenv}, or correct 'virtualenv' of {variable}."
        ]
    other = os.path.dirname(os.path.dirname(path))
    if any(map(os.path.exists, _in(virtualenv))) and _is_another(other, virtualenv):
        return [
            f"{begins}, so that it runs with the packages of the virtual environment {other}, not with those of "
            f"{virtualenv}: it was copied. Make it anew in {virtualenv}, or set 'virtualenv: {other}' in {variable}."
        ]
    return []


def _is_another(other: str, virtualenv: str) -> bool:
    is_one = os.path.exists(os.path.join(other, "pyvenv.cfg"))
    return is_one and os.path.realpath(os.path.join(other, "bin")) != os.path.realpath(os.path.join(virtualenv, "bin"))
