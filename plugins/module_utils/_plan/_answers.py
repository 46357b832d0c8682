# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of what the program _ask answers, which the interpreter of a stranger has run. Touches nothing."""

from __future__ import annotations

from typing import Any, Collection, Dict

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import (
    Reader,
    ShapeError,
    fields,
    flag,
    items,
    keyed,
    known,
    maybe,
    number,
    one_of,
    several_lines,
    string,
    table,
)

Answer = Dict[str, Any]

TASK = fields({"id": string, "name": string, "seconds": maybe(number)})
QUEUES = table(maybe(number))
_NODE = fields(
    {
        "queues": items(string),
        "active": items(TASK),
        "reserved": number,
        "scheduled": number,
        "total": number,
        "accepted": number,
        "pool": string,
        "concurrency": known(number),
    }
)
_RESULT = fields(
    {
        "id": string,
        "state": one_of("SUCCESS", "FAILURE", "PENDING"),
        "result": _strangers.plain,
        "failure": several_lines,
    }
)


def read(document: str, request: Answer) -> Answer:
    """Return the answer to ``request`` in the JSON ``document``, only ``error`` if it has one. Raises ShapeError."""
    value = _strangers.parsed(document)
    if isinstance(value, dict) and "error" in value:
        return {"error": fields({"error": several_lines})(value)["error"]}
    answer: Answer = _reader(request)(value)
    if "worked" in answer and answer["worked"].keys() - {name for names in answer["wanted"].values() for name in names}:
        raise ShapeError("about the queues of its workers", "worked")
    if "result" in answer:
        answer["result"] = _strangers.encodable(answer["result"])
    return answer


def _reader(request: Answer) -> Reader:
    if request["do"] == "task":
        return _RESULT
    if request["do"] == "drain":
        return fields({"busy": items(string)})
    nodes: Collection[str] = request["nodes"]
    if request["do"] == "processes":
        return fields({"processes": keyed(nodes, maybe(number)), "no_remote_control": flag, "pool": string})
    inspected = {
        "nodes": keyed(nodes, maybe(_NODE)),
        "wanted": keyed(nodes, items(string)),
        "no_remote_control": flag,
        "pool": string,
        "queues": QUEUES,
        "answers": known(keyed(nodes, number), {}),
        "others": known(table(items(string)), {}),
    }
    verified = {
        "worked": table(maybe(flag)),
        "failed": known(items(string), []),
        "later": keyed(nodes, maybe(_NODE)),
    }
    return fields({**inspected, **(verified if request["do"] == "verify" else {})})
