# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a value has the type of its option. YAML makes numbers, dates and truth values of what looks like them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_bool
from ansible_collections.stalk.celery.plugins.module_utils._formats.text import control_of, is_unicode
from ansible_collections.stalk.celery.plugins.plugin_utils._core import without_omitted
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory import _directives
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._shapes import (
    problem_of_number,
    problem_of_string,
)
from jinja2 import UndefinedError

_NUMBER = re.compile(r"-?[0-9]{1,30}", re.ASCII)
_SIMPLE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PASSWORD = "Give this run its vault password, or leave the environment out with --limit."
_FACT = re.compile(r"has no attribute '(\w+)'|'ansible_(\w+)' is undefined")
_GATHER = (
    "If {0} is a fact of the host, gather it first: no playbook of this collection does. Begin yours with a play that "
    "has gather_facts: true, or keep facts in a cache, see Facts in docs/inventory.md. Or else correct the template."
)


def read(container: Any, key: Any) -> tuple[Any, str | None]:
    """Return an element of a dict or a list, which Ansible makes of its template only now, or why there is none."""
    try:
        return without_omitted(container[key]), None
    except (AnsibleError, UndefinedError) as error:
        # The error itself may only say that there was one.
        why = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        return None, f"has no value: {why}. {_remedy(why)}"


def _remedy(why: str) -> str:
    """Return what to do about a value that there is not."""
    fact = _FACT.search(why)
    if fact:
        return _GATHER.format(fact[1] or fact[2])
    return _PASSWORD if "decrypt" in why else "Correct its template."


def shown(key: str) -> str:
    """Return a key for the path in a message: any text, on one line."""
    return key if _SIMPLE_KEY.fullmatch(key) else ascii(str(key))


def described(value: Any) -> str:
    """Return a value for a message, as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a dict"
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return "a list"
    text = f"{value.isoformat()}, a date" if isinstance(value, date) else repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def string(key: str, value: Any, secret: bool) -> tuple[Any, str | None]:
    """Return the string of an option, and what is wrong with the value."""
    known = key in _directives.DIRECTIVES
    text = _directives.text_of(key, value) if known else value
    if not isinstance(text, str):
        return value, "is not a string. Write it in quotes." if secret else _not_a_string(key, text)
    control = control_of(text)
    if control:
        return value, f"has {control}. Write it without."
    if not is_unicode(text):
        return value, "has a character that is not valid Unicode. Write it without."
    problem = problem_of_string(key, text) or (_directives.problem_of(key, text) if known else None)
    return text, problem


def _not_a_string(key: str, value: Any) -> str:
    if value is None:
        return "is null, not a string. Write it in quotes: 'null', or remove it."
    if isinstance(value, bool):
        return f"is {described(value)}, not a string. Write it in quotes: '{'yes' if value else 'no'}'."
    if isinstance(value, (int, float, date)):
        quoted = f"{value:04o}" if key == "UMask" and isinstance(value, int) and value >= 0 else str(value)
        return f"is {described(value)}, not a string. Write it in quotes: '{quoted[:100]}'."
    return f"is {described(value)}, not a string. Write one value."


def number(key: str, value: Any) -> tuple[Any, str | None]:
    """Return the number of an option, and what is wrong with the value. Templates make strings of digits."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return value, f"is {described(value)}, which is not a whole number. Write one, as 8."
    return value, problem_of_number(key, value)


def truth(value: Any) -> tuple[Any, str | None]:
    """Return the truth value of an option, and what is wrong with the value."""
    try:
        if isinstance(value, float):
            raise TypeError
        return check_type_bool(value), None
    except TypeError:
        return value, f"is {described(value)}, which is not true or false. Write true or false."
