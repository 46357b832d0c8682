# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment files that the collection writes: ``NAME="value"`` entries, whose values may span lines."""

from __future__ import annotations

import re
import shlex
from typing import Mapping

HIDDEN = "(hidden)"
CENSORED = "********"

_NOTHING = re.compile(r"(?:[#;][^\\\n]*)?\n")
_ENTRY = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\`$]|\\["\\`$])*)"\n')
_LOOSE_ENTRY = re.compile(r"(?m)^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$")
_ESCAPED = re.compile(r'\\(["\\`$])')
_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_SECRET_VALUE = re.compile(r":[^\s@]+@")  # anything that looks like the credentials of a URL
_SHORTEST_SECRET = 4
# With limits, or a text of nothing but beginnings would take for ever.
_URL_PASSWORD = re.compile(r"""(://[^\s/:@]{0,200}:)[^\s"']{1,2000}@""")


def entries(text: str) -> dict[str, str] | None:
    """Return the variables of ``text``, or None unless all of it has this form.

    The form is a part of what systemd.exec(5) allows for EnvironmentFile=, narrow enough to tell a name from
    a line of somebody's value.
    """
    result: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _NOTHING.match(text, position) or _ENTRY.match(text, position)
        if found is None:
            return None
        if found.re is _ENTRY:
            result[found.group(1)] = _ESCAPED.sub(r"\1", found.group(2))
        position = found.end()
    return result


def parsed(text: str) -> dict[str, str]:
    """Return the variables of an environment file, a line each; also of one that was tuned by hand."""
    strict = entries(text)
    if strict is not None:
        return strict
    return {found[1]: found[2].strip("'\"") for found in _LOOSE_ENTRY.finditer(text)}


def assignments(text: str) -> dict[str, str]:
    """Return the variables that ``Environment=`` sets with ``text``, as it is in a unit or as systemctl prints it."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


def changed_names(before: str, after: str) -> tuple[str, str]:
    """Both sides of a diff that says which variables differ and shows no value; an empty ``before`` is no file."""
    old, new = entries(before), entries(after)
    if old is None or new is None or old == new:
        return (f"{HIDDEN}\n" if before else "", f"{HIDDEN}, changed\n")
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return (
        "".join(f"{name}={HIDDEN}\n" for name in names if name in old),
        "".join(f"{name}={HIDDEN}{', changed' if name in old else ''}\n" for name in names if name in new),
    )


def without_secrets(text: str, variables: Mapping[str, str]) -> str:
    """``text`` without the passwords in its URLs and those values of ``variables`` that are or sound secret."""
    text = _URL_PASSWORD.sub(rf"\1{CENSORED}@", text)
    for name, value in variables.items():
        if len(value) >= _SHORTEST_SECRET and (_SECRET_NAME.search(name) or _SECRET_VALUE.search(value)):
            text = text.replace(value, CENSORED)
    return text
