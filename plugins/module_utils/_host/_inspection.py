# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the workers of a host answer, and what waits in their queues."""

from __future__ import annotations

from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._host import _context, _own_services
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

_TOLD = ("queues", "active", "reserved", "scheduled", "total", "concurrency")


def inspect(systemd: Systemd, environments: list[str], stopped: bool, timeout: float) -> dict[str, Any]:
    """Return what the module worker_info returns; with ``stopped`` also the queues of workers that do not run."""
    services = _owned.of_environments(_own_services.find(systemd), environments)
    workers = [service for service in services if service.kind == "worker"]
    contexts = [
        context for context in _context.contexts(workers) if stopped or any(worker.pid for worker in context.services)
    ]
    requests = {
        context: {
            "do": "inspect",
            "nodes": {worker.node: worker.queues for worker in context.services if worker.pid},
            "stopped": [worker.queues for worker in context.services if not worker.pid],
            "patience": timeout / 3,
        }
        for context in contexts
    }
    answers = _context.ask(systemd, requests, timeout)
    answer_of = {worker.unit.name: answer for context, answer in answers.items() for worker in context.services}
    queues: dict[str, dict[str, Any]] = {}
    for context, answer in answers.items():
        queues.setdefault(context.service.environment, {}).update(answer.get("queues", {}))
    return {
        "workers": [described(worker, answer_of.get(worker.unit.name, {})) for worker in workers],
        "queues": queues,
        "problems": [f"{context}: {answer['error']}" for context, answer in answers.items() if "error" in answer],
        "doubles": [
            f"{worker}: {times} processes answer to the node name {worker.node}."
            for worker in workers
            for times in [answer_of.get(worker.unit.name, {}).get("answers", {}).get(worker.node, 0)]
            if times > 1
        ],
        "others": _context.others(answers),
    }


def described(worker: Owned, answer: dict[str, Any]) -> dict[str, Any]:
    """Return a worker and what the ``answer`` of its application says of it, as plain data."""
    told = answer.get("nodes", {}).get(worker.node)
    return {
        "environment": worker.environment,
        "name": worker.name,
        "unit": worker.unit.name,
        "node": worker.node,
        "answers": None if worker.pid and answer.get("no_remote_control") else told is not None,
        **{key: (told or {}).get(key) for key in _TOLD},
        "pool": (told or {}).get("pool") or worker.pool or answer.get("pool"),
    }
