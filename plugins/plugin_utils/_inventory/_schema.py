# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may write in ``celery_<environment>``: the argument specs of role celery_service, and their check."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._core import yaml_of
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory import _types

Spec = Mapping[str, Mapping[str, Any]]

_ARGUMENT_SPECS = Path(__file__).parents[3] / "roles" / "celery_service" / "meta" / "argument_specs.yml"


@cache
def environment_spec() -> Spec:
    """Return the options of one environment: key -> its argument spec."""
    specs = yaml_of(_ARGUMENT_SPECS)["argument_specs"]
    options: Spec = specs["environment"]["options"]["celery_environment"]["options"]
    return options


def validate(value: Mapping[str, Any], spec: Spec, path: str) -> tuple[dict[str, Any], list[str]]:
    """Check one dict against its options.

    :param value: what the user wrote.
    :param path: its name for messages, as ``celery_live.workers[0]``.
    :return: the dict with defaults filled in and scalars converted, and the problems found; keys with a problem keep
        what the user wrote.
    """
    result: dict[str, Any] = {}
    problems = [_unknown(path, key, spec) for key in value if key not in spec]
    for key, option in spec.items():
        item, unread = _types.read(value, key) if key in value else (None, None)
        if unread:
            problems.append(f"{path}.{key} {unread}")
        elif item is not None:
            result[key], found = _convert(item, option, f"{path}.{key}", key)
            problems += found
        elif option.get("required"):
            problems.append(f"{path}.{key} is missing: {option['description']}")
        elif option.get("default") is not None:
            result[key] = option["default"]
    return result, problems


def _unknown(path: str, key: Any, spec: Spec) -> str:
    if not isinstance(key, str):
        return f"{path} has the key {_types.described(key)}, which is not a string. Write it in quotes."
    nearest = difflib.get_close_matches(key[:100], list(spec), n=1)
    hint = f" did you mean {nearest[0]}?" if nearest else ""
    return f"{path}.{_types.shown(key)} is not a known key;{hint} Allowed are: {', '.join(sorted(spec))}."


def _convert(value: Any, option: Mapping[str, Any], path: str, key: str) -> tuple[Any, list[str]]:
    kind = option["type"]
    if kind == "list":
        return _convert_list(value, option, path, key)
    if kind == "dict":
        return _convert_dict(value, option, path)
    if kind == "int":
        converted, problem = _types.number(key, value)
    elif kind == "bool":
        converted, problem = _types.truth(value)
    else:
        converted, problem = _types.string(key, value, _is_secret(option))
    if problem:
        return value, [f"{path} {problem}"]
    if "choices" in option and converted not in option["choices"]:
        return value, [f"{path} is {converted!r}, which is unknown; write one of: {', '.join(option['choices'])}."]
    return converted, []


def _is_secret(option: Mapping[str, Any]) -> bool:
    """Return whether an option is called a secret where it is described."""
    return "secret" in str(option["description"]).lower()


def _convert_dict(value: Any, option: Mapping[str, Any], path: str) -> tuple[Any, list[str]]:
    if not isinstance(value, Mapping):
        return value, [f"{path} is not a dict of keys and values."]
    if "options" in option:
        return validate(value, option["options"], path)
    items = {key: _types.read(value, key) for key in value}
    problems = [f"{path}.{_types.shown(str(key))} {unread}" for key, (_item, unread) in items.items() if unread]
    problems += [_unknown(path, key, {}) for key in items if not isinstance(key, str)]
    return {key: item for key, (item, _unread) in items.items()}, problems


def _convert_list(value: Any, option: Mapping[str, Any], path: str, key: str) -> tuple[Any, list[str]]:
    if not isinstance(value, (list, tuple)):
        return value, [f"{path} is not a list; write it as [..., ...]."]
    element = {**option, "type": option["elements"]}
    result, problems = [], []
    for index in range(len(value)):
        item, unread = _types.read(value, index)
        converted, found = (None, [unread]) if unread else _convert(item, element, f"{path}[{index}]", key)
        result.append(converted)
        problems += [f"{path}[{index}] {unread}"] if unread else found
    return result, problems
