# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the JSON schema of files in group_vars, for editors: ``make schema``.

It says what the argument specs say: keys, types, choices, defaults and descriptions. A template may stand for any
value. What depends on other keys and on other environments is left to site.yml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._directives import DIRECTIVES
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._shapes import range_of
from ansible_collections.stalk.celery.tests import entries

ROOT = Path(__file__).parents[1]
PATH = ROOT / "docs" / "environment.schema.json"
TEMPLATE = r"\{[{%]"
_NUMBER = rf"^-?[0-9]{{1,30}}$|{TEMPLATE}"
_TRUTH = rf"^(true|false|yes|no|on|off|True|False|Yes|No|On|Off)$|{TEMPLATE}"
_VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"
_MARKUP = re.compile(r"\b([COVPME])\(((?:[^()\\]|\\.|\([^()]*\))*)\)")


def schema() -> dict[str, Any]:
    """Return the schema of a file of variables, which may have others beside those of this collection."""
    public = sorted(name for path in ROOT.glob("roles/*/meta/argument_specs.yml") for name in _variables(path))
    others = "|".join(dict.fromkeys(name.removeprefix("celery_") for name in public))
    spec = {key: option for key, option in environment_spec().items() if key != "name"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://raw.githubusercontent.com/stalk/celery/main/docs/environment.schema.json",
        "title": "Environments of the Ansible collection stalk.celery, in group_vars",
        "type": ["object", "null"],
        "properties": {
            "celery_environments": {
                "description": "Names of all environments. Each is an inventory group.",
                "type": ["array", "string"],
                "pattern": TEMPLATE,
                "items": {"type": "string", "pattern": f"^[a-z][a-z0-9_]{{0,30}}$|{TEMPLATE}"},
                "uniqueItems": True,
            },
        },
        "patternProperties": {
            f"^celery_(?!({others})$)[a-z][a-z0-9_]{{0,30}}$": {
                "description": "An environment: an isolated installation of one Celery project.",
                **_keys(spec),
            },
        },
    }


def _variables(path: Path) -> list[str]:
    specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
    return [name for spec in specs for name in spec["options"]]


def _keys(spec: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a dict of these options, or a template of it."""
    return {
        "type": ["object", "string"],
        "pattern": TEMPLATE,
        "properties": {key: _property(key, option) for key, option in sorted(spec.items())},
        "additionalProperties": False,
        "required": sorted(key for key, option in spec.items() if option.get("required")),
    }


def _property(key: str, option: Mapping[str, Any]) -> dict[str, Any]:
    found = _value(key, option)
    described = {"description": _plain(option["description"]), **found}
    if not option.get("required"):
        described["type"] = [*found["type"], "null"]  # as if the key were not there
    if option.get("default") is not None:
        described["default"] = option["default"]
    return described


def _value(key: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value, without what concerns the key that has it."""
    kind = option["type"]
    if kind == "list":
        items = _value(key, {**option, "type": option["elements"]})
        return {"type": ["array", "string"], "pattern": TEMPLATE, "items": items}
    if kind == "dict" and "options" in option:
        return _keys(option["options"])
    if kind == "dict":
        values = {"propertyNames": {"pattern": _VARIABLE}, "additionalProperties": {"type": "string"}}
        return {"type": ["object", "string"], "pattern": TEMPLATE, **values}
    if kind == "int":
        allowed = range_of(key)
        limits = {"minimum": allowed.lowest, "maximum": allowed.highest}
        return {"type": ["integer", "string"], "pattern": _NUMBER, **limits}
    if kind == "bool":
        return {"type": ["boolean", "string"], "pattern": _TRUTH}
    if "choices" in option:
        return {"type": ["string"], "anyOf": [{"enum": list(option["choices"])}, {"pattern": TEMPLATE}]}
    directive = DIRECTIVES.get(key)
    more = [*["boolean"] * bool(directive and directive.boolean), *["integer"] * bool(directive and directive.number)]
    return {"type": ["string", *more]}


def _plain(description: str | list[str]) -> str:
    """Return a description without Ansible's markup."""
    text = description if isinstance(description, str) else "\n".join(description)
    return _MARKUP.sub(lambda found: f"`{_last(found[1], found[2])}`", text)


def _last(kind: str, content: str) -> str:
    """Return what a reader sees of a piece of markup: of the path to an option its end."""
    if kind == "O":
        return content.removeprefix("ignore:").rpartition(".")[2]
    return content.partition("#")[0] if kind in "PM" else content.replace("\\", "")


def text() -> str:
    """Return what the file holds."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    entries.write()
    PATH.write_text(text(), encoding="utf-8")
