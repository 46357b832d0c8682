# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a fleet report: results of tasks, of which some may have failed, as one dict of a fixed shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import (
    Reader,
    ShapeError,
    fields,
    flag,
    items,
    known,
    maybe,
    name,
    number,
    one_of,
    requoted,
    run,
    some,
    string,
    table,
    text,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan._answers import QUEUES, TASK
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS

REPORTS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "host": {"type": "str", "required": True},
        "groups": {"type": "list", "elements": "str", "required": True},
        "wanted": {"type": "list", "elements": "dict", "required": True},
        "facts": {"type": "dict", "required": True},
        "inspected": {"type": "dict", "default": {}},
        "files": {"type": "dict", "default": {}},
        "kept": {"type": "dict", "default": {}},
        "unread": {"type": "list", "elements": "str", "default": []},
        "machine": {"type": "str", "default": ""},
    },
}


_SERVICE = fields(
    {
        **dict.fromkeys(("environment", "name", "unit"), name),
        "kind": one_of(*KINDS),
        **dict.fromkeys(("node", "pool", "app", "user", "directory", "release", "current", "since"), known(string, "")),
        **dict.fromkeys(("state", "substate", "status"), known(string, "")),
        "queues": known(items(string), []),
        "stale": known(items(string), []),
        **dict.fromkeys(("enabled", "crashing"), known(flag, False)),
        "pid": known(number, 0),
        "restarts": known(number, 0),
        "memory": known(number),
    }
)
_WORKER = some(
    {
        **dict.fromkeys(("environment", "name", "unit"), name),
        "node": maybe(string),
        "pool": maybe(string),
        "answers": maybe(flag),
        "queues": maybe(items(string)),
        "active": maybe(items(TASK)),
        **dict.fromkeys(("reserved", "scheduled", "total", "concurrency"), maybe(number)),
    },
    "unit",
)
_OTHER = fields({"environment": name, "node": string, "queues": items(string)})
_GENERATION = fields(
    {"run": run, "release": known(string, ""), "undoes": string, "differs": known(flag, True), "unfinished": flag}
)


def report_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``rows_of`` takes of a host. What the host says is checked, and what is wrong with it is a problem.

    :param raw: one of ``REPORTS``.
    """
    results = {key: raw[key] for key in ("facts", "inspected", "files", "kept")}
    unreachable = [_message(result) for result in results.values() if result.get("unreachable")]
    failed = [_message(result) for result in results.values() if result.get("failed")]
    known_facts = results["facts"].get("ansible_facts", {})
    found = known_facts.get("stalk_celery", {}) if isinstance(known_facts, Mapping) else None
    problems: list[str] = []
    facts = _read(
        "services", some({"services": items(_SERVICE), "now": string, "foreign": items(requoted)}), found, problems
    )
    outdated = _read("files", some({"restart": items(string)}), results["files"], problems)
    inspected = inspected_of(results["inspected"])
    kept = generations_of(results["kept"].get("generations", {}), problems)
    return {
        "host": raw["host"],
        "machine": raw["machine"],
        "unreachable": unreachable[0] if unreachable else "",
        "groups": raw["groups"],
        "wanted": raw["wanted"],
        "looked": "services" in facts,
        "now": facts.get("now", ""),
        "services": facts.get("services", []),
        "outdated": outdated.get("restart", []),
        "workers": inspected["workers"],
        "queues": inspected["queues"],
        "unread": raw["unread"],
        "generations": kept,
        "problems": [*failed, *inspected["problems"], *inspected["doubles"], *facts.get("foreign", []), *problems],
        "nodes": [{"environment": one["environment"], "node": one["node"]} for one in facts.get("services", [])],
        "others": inspected["others"],
    }


def inspected_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the module worker_info said: ``workers``, ``queues`` and ``problems``, each of its shape."""
    wrong: list[str] = []
    said = {
        key: _read(key, reader, result.get(key, default), wrong)
        for key, reader, default in (
            ("workers", items(_WORKER), []),
            ("queues", table(QUEUES), {}),
            ("problems", items(requoted), []),
            ("doubles", items(requoted), []),
            ("others", items(_OTHER), []),
        )
    }
    return {
        "workers": said["workers"] or [],
        "queues": said["queues"] or {},
        "problems": [*(said["problems"] or []), *wrong],
        "doubles": said["doubles"] or [],
        "others": said["others"] or [],
    }


def generations_of(said: Any, problems: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the generations of each environment that generation_info returned; adds to ``problems``."""
    found: dict[str, list[dict[str, Any]]] = _read("generations", table(items(_GENERATION)), said, problems)
    return found


def _read(what: str, reader: Reader, value: Any, problems: list[str]) -> Any:
    """Return what may be used of a value, an empty dict if nothing may; adds why to ``problems``."""
    try:
        return reader(value)
    except ShapeError as error:
        problems.append(f"what it says of its {what} cannot be used: {error}.")
        return {}


def _message(result: Mapping[str, Any]) -> str:
    """Return what a task said, in one line."""
    said = result.get("msg", "")
    return text(" ".join(said.split()) if isinstance(said, str) else "").removeprefix("Task failed: ")
