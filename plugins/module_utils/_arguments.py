# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules share, and what they become."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, Directory, File
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Request

ACCOUNTS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "environment": {"type": "str", "required": True},
        "user": {"type": "str", "required": True},
        "group": {"type": "str", "default": ""},
        "home": {"type": "str", "default": ""},
        "shared_user": {"type": "bool", "default": False},
        "shared_group": {"type": "bool", "default": False},
        "further_groups": {"type": "list", "elements": "str", "default": []},
        "in_run": {"type": "bool", "default": True},
    },
}
FILES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "path": {"type": "str", "required": True},
        "template": {"type": "str"},
        "variables": {"type": "dict"},
        "content": {"type": "str"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": "0644"},
        "secret": {"type": "bool", "default": False},
        "unit": {"type": "str"},
    },
    "mutually_exclusive": [("template", "content")],
}
TEXTS: dict[str, Any] = {"type": "str", "no_log": True}
DIRECTORIES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "path": {"type": "str", "required": True},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": "0755"},
        "setting": {"type": "str", "default": ""},
        "instead": {"type": "str", "default": ""},
    },
}
UNITS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        "enabled": {"type": "bool", "default": True},
    },
}

_MODE = re.compile(r"0[0-7]{3,4}")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9_]+")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,248}\.(?:service|target|timer|socket|path|mount|slice)")


def files(items: list[Mapping[str, Any]], texts: str) -> list[File]:
    """Return the option ``files``. ``texts`` is a JSON list of what is to be in them.

    Raises ValueError for a mode that is not octal and for a unit name that systemd.unit(5) does not allow.
    """
    return [
        File(
            path=item["path"],
            attributes=_attributes(item),
            content=text.encode("utf-8", "surrogateescape"),
            secret=item["secret"],
            unit=unit_name(item["unit"]) if item["unit"] else None,
        )
        for item, text in zip(items, json.loads(texts))
    ]


def directories(items: list[Mapping[str, Any]]) -> list[Directory]:
    """Return the option ``directories``. Raises ValueError for a mode that is not octal."""
    return [Directory(item["path"], _attributes(item), item["setting"], item["instead"]) for item in items]


def services(items: list[Mapping[str, Any]]) -> list[Service]:
    """Return the option ``services`` of look. Raises ValueError for a unit name that systemd.unit(5) does not allow."""
    return [
        Service(
            unit=unit_name(item["unit"]),
            environment=item["environment"],
            name=item["name"],
            user=item["user"],
            group=item["group"],
            directory=item["directory"],
            virtualenv=item["virtualenv"],
            tried=item["try"],
            started=item["state"] == "started",
            write_paths=tuple(item["write_paths"]),
            env_files=tuple(item["env_files"]),
        )
        for item in items
    ]


def requests(items: list[Mapping[str, Any]]) -> list[Request]:
    """Return the option ``units``. Raises ValueError for a unit name that systemd.unit(5) does not allow."""
    return [Request(unit_name(item["name"]), item["state"] == "started", item["enabled"]) for item in items]


def environments(names: list[str]) -> list[str]:
    """Return the option ``environments``. Raises ValueError for what cannot be a part of paths."""
    for name in names:
        if not _ENVIRONMENT.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an environment; write for example 'live'.")
    return names


def unit_name(name: str) -> str:
    """``name`` if it is the complete name of a unit. Raises ValueError otherwise."""
    if not _UNIT.fullmatch(name):
        raise ValueError(f"{name!r} is not the complete name of a unit; write for example 'celery-live-w1.service'.")
    return name


def _attributes(item: Mapping[str, Any]) -> Attributes:
    if not _MODE.fullmatch(item["mode"]):
        raise ValueError(
            f"{item['path']}: the mode {item['mode']!r} is not an octal number in quotes; write for example '0644'."
        )
    return Attributes(item["owner"], item["group"], int(item["mode"], 8))
