# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a fleet report: results of tasks, of which some may have failed, as one dict of a fixed shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    },
}


def report_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``rows_of`` takes of a host.

    :param raw: one of ``REPORTS``.
    """
    results = {name: raw[name] for name in ("facts", "inspected", "files", "kept")}
    unreachable = [_message(result) for result in results.values() if result.get("unreachable")]
    failed = [_message(result) for result in results.values() if result.get("failed")]
    found = results["facts"].get("ansible_facts", {}).get("stalk_celery", {})
    return {
        "host": raw["host"],
        "unreachable": unreachable[0] if unreachable else "",
        "groups": raw["groups"],
        "wanted": raw["wanted"],
        "services": found.get("services", []),
        "outdated": results["files"].get("restart", []),
        "workers": results["inspected"].get("workers", []),
        "queues": results["inspected"].get("queues", {}),
        "unread": raw["unread"],
        "generations": results["kept"].get("generations", {}),
        "problems": [*failed, *results["inspected"].get("problems", [])],
    }


def _message(result: Mapping[str, Any]) -> str:
    """Return what a task said, in one line."""
    return " ".join(str(result.get("msg", "")).split()).removeprefix("Task failed: ")
