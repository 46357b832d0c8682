# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may write in ``celery_<environment>``: the argument specs of role celery_service, and their check."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.validation import check_type_bool, check_type_int, check_type_str

Spec = Mapping[str, Mapping[str, Any]]

KINDS = {"worker": "workers", "beat": "beat", "flower": "flower"}  # kind of service -> its key in an environment

_ARGUMENT_SPECS = Path(__file__).parents[2] / "roles" / "celery_service" / "meta" / "argument_specs.yml"
_SCALARS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "bool": ("true or false", check_type_bool),
    "int": ("a whole number", check_type_int),
    "str": ("a string", lambda value: check_type_str(value, allow_conversion=isinstance(value, (int, float)))),
}


@cache
def environment_spec() -> Spec:
    """Return the options of one environment: key -> its argument spec."""
    specs = yaml.safe_load(_ARGUMENT_SPECS.read_text(encoding="utf-8"))["argument_specs"]
    options: Spec = specs["services"]["options"]["celery_service_environments"]["options"]
    return options


def validate(value: Mapping[str, Any], spec: Spec, path: str) -> tuple[dict[str, Any], list[str]]:
    """Check one dict against its options.

    :param value: what the user wrote.
    :param path: its name for messages, as ``celery_live.workers[0]``.
    :return: the dict with defaults filled in and scalars converted, and the problems found; keys with a problem keep
        what the user wrote.
    """
    result: dict[str, Any] = {}
    problems = [_unknown(path, str(key), spec) for key in value if key not in spec]
    for key, option in spec.items():
        if value.get(key) is not None:
            result[key], found = _convert(value[key], option, f"{path}.{key}")
            problems += found
        elif option.get("required"):
            problems.append(f"{path}.{key} is missing: {option['description']}")
        elif option.get("default") is not None:
            result[key] = option["default"]
    return result, problems


def _unknown(path: str, key: str, spec: Spec) -> str:
    nearest = difflib.get_close_matches(key, list(spec), n=1)
    hint = f" did you mean {nearest[0]}?" if nearest else ""
    return f"{path}.{key} is not a known key;{hint} Allowed are: {', '.join(sorted(spec))}."


def _convert(value: Any, option: Mapping[str, Any], path: str) -> tuple[Any, list[str]]:
    kind = option["type"]
    if kind == "list":
        return _convert_list(value, option, path)
    if kind == "dict":
        if not isinstance(value, Mapping):
            return value, [f"{path} is not a dict of keys and values."]
        return validate(value, option["options"], path) if "options" in option else (dict(value), [])
    expected, check = _SCALARS[kind]
    try:
        converted = check(value)
    except TypeError:
        return value, [f"{path} is not {expected}."]
    if "choices" in option and converted not in option["choices"]:
        return value, [f"{path} is {converted!r}, which is unknown; write one of: {', '.join(option['choices'])}."]
    return converted, []


def _convert_list(value: Any, option: Mapping[str, Any], path: str) -> tuple[Any, list[str]]:
    if not isinstance(value, (list, tuple)):
        return value, [f"{path} is not a list; write it as [..., ...]."]
    element = {**option, "type": option["elements"]}
    pairs = [_convert(item, element, f"{path}[{index}]") for index, item in enumerate(value)]
    return [item for item, _found in pairs], [problem for _item, found in pairs for problem in found]
