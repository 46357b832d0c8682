#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Find out whether the Celery services of a host work
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Looks at the services that the inventory wants started, all in one round trip, and returns what is wrong with them.
  - Each service is up, does not keep crashing, gives signs of life, and runs the files, the release and the code that
    are on the disk.
  - Each worker answers for itself and consumes exactly the queues of the inventory.
  - A task goes through the broker and each queue that a worker of this host consumes, and is awaited. It is
    C(celery.accumulate), which every application has, and it needs no result backend.
  - Beat schedules; its status, with the time of its last task, is among the notes.
  - A worker that stops, one that is too busy to answer (pools V(solo), V(gevent) and V(eventlet)) and a queue whose
    workers are all occupied, or go on with tasks that came earlier, are worth a note and no problem.
  - The task reaches its queue whatever the routes of the application are. Where its router keeps the answer back, the
    count of accepted tasks has to rise instead.
  - A broadcast queue gets no task, which all workers would run.
  - Two nodes that answer to one name, and Celery processes of this host that run the application outside of the
    services, are problems; a Flower among them is a note.
  - Never fails on what it finds, but returns it. Changes nothing, and restarts nothing.
  - With Redis, the answer of a task that an overloaded worker runs too late stays in the broker, see
    M(stalk.celery.task).
  - Needs root (C(become)). Returns no secret.
attributes:
  check_mode:
    description: Does the same in any mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  services:
    description: The services of the inventory, as P(stalk.celery.summaries#filter) returns them.
    type: list
    elements: dict
    required: true
    suboptions:
      unit:
        description: Complete name of the systemd unit.
        type: str
        required: true
      environment:
        description: The environment of the service.
        type: str
        required: true
      kind:
        description: What the service is.
        type: str
        required: true
      name:
        description: The name of the service in its environment.
        type: str
        required: true
      state:
        description: Whether the service is to run. V(stopped) services are not looked at.
        type: str
        choices: [started, stopped]
        default: started
      node:
        description: The node name of a worker, with Celery's placeholders.
        type: str
        default: ''
      queues:
        description: The queues that a worker is to consume. By default those of its application.
        type: list
        elements: str
        default: []
      pool:
        description: The pool of a worker. By default that of its application.
        type: str
        default: ''
      type:
        description: Not looked at.
        type: str
      user:
        description: Not looked at; the unit says who runs it.
        type: str
      group:
        description: Not looked at.
        type: str
      directory:
        description: Not looked at.
        type: str
      virtualenv:
        description: Not looked at.
        type: str
  environments:
    description:
      - Environments of which O(services) has all that this host is to run. A service of theirs that runs and is not
        among them is a problem.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds that connecting to a broker, all answers and all tasks may take. Different applications are asked at the
        same time. Importing an application has start_timeout of its service
        for it, or two minutes if that is longer.
    type: int
    default: 30
seealso:
  - module: stalk.celery.worker_info
  - module: stalk.celery.service_facts
"""

EXAMPLES = r"""
---
- name: Look whether the services work
  stalk.celery.verify:
    services: "{{ services | stalk.celery.summaries }}"
  register: celery

- name: Stop if one does not
  ansible.builtin.assert:
    that: celery.problems | length == 0
    fail_msg: "{{ celery.problems | join('\n') }}"
"""

RETURN = r"""
problems:
  description: What is wrong, by environment, service and queue, with the last lines of the journal where they may help.
  returned: success
  type: list
  elements: str
  sample: ["live/w2: does not consume the queue 'imports'."]
notes:
  description: Observations that are worth knowing and are not problems.
  returned: success
  type: list
  elements: str
  sample: ['live/beat: scheduling; 17 sent, the last at 12:03:11.']
orphans:
  description:
    - What runs of O(environments) and is none of O(services). The inventory may ask for it under another name of this
      machine.
  returned: success
  type: list
  elements: dict
  sample: []
machine:
  description: What tells this machine from all others, see P(stalk.celery.misleading#filter).
  returned: success
  type: str
  sample: 0f4c8a61a1b7d2f8e7f3d5c4b3a29180716253445566778899aabbccddeeff00
nodes:
  description: The names of the workers that this host has, as Celery knows them.
  returned: success
  type: list
  elements: dict
  sample: [{environment: live, node: w1@app1}]
others:
  description:
    - The nodes that consume the same queues and are not on this host, see P(stalk.celery.unknown_nodes#filter).
  returned: success
  type: list
  elements: dict
  sample: [{environment: live, node: w1@app2, queues: [celery]}]
"""

import contextlib
import os
import time
from typing import Any, Callable, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _context,
    _machine,
    _neighbours,
    _own_services,
    _stale,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _owned, _verify
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._verify import Finding, Seen, Wanted

_PATIENCE = 60
_IGNORED = ("type", "user", "group", "directory", "virtualenv")


def verify(
    systemd: Systemd,
    wanted: Sequence[Wanted],
    environments: Sequence[str],
    timeout: float,
    warn: Callable[[str], None],
) -> dict[str, Any]:
    """Return what the module returns."""
    units = {service.unit for service in wanted}
    here, stale = _stale.look(
        [one for one in _own_services.find(systemd) if one.unit.name in units or one.environment in environments], warn
    )
    owned = [service for service in here if service.unit.name in units]
    seen = {service.unit.name: look(service, stale[service.unit.name]) for service in owned}
    findings = [finding for service in wanted for finding in _verify.look(service, seen.get(service.unit))]
    orphans = [service for service in here if service.environment in environments and service.unit.name not in units]
    foreign = _neighbours.find(systemd, _neighbours.configured_here([*owned, *orphans]))
    asked = {service.unit: service for service in wanted if service.kind == "worker" and can_answer(seen, service)}
    contexts = _context.contexts([service for service in owned if service.unit.name in asked])
    workers = {context: [asked[service.unit.name] for service in context.services] for context in contexts}
    answers = _context.ask(systemd, {context: request(asked, timeout) for context, asked in workers.items()}, timeout)
    for context, answer in answers.items():
        findings += _verify.judge(workers[context], seen, answer)
    return {
        "problems": [
            *(shown(systemd, finding, seen) for finding in findings if finding.wrong),
            *(str(process) for process in foreign if not process.is_harmless),
        ],
        "notes": [
            *(str(finding) for finding in findings if not finding.wrong),
            *(str(process) for process in foreign if process.is_harmless),
        ],
        "orphans": [
            {"environment": service.environment, "problem": _verify.orphan(service)}
            for service in orphans
            if service.unit.is_running
        ],
        "machine": _machine.identity(),
        "nodes": [{"environment": service.environment, "node": service.node} for service in here if service.node],
        "others": _context.others(answers),
    }


def look(service: Owned, stale: Sequence[str]) -> Seen:
    """Return what the host knows of ``service``."""
    sign = service.unit["WatchdogTimestampMonotonic"]
    watched = service.pid and sign.isdigit() and sign != "0"
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    return Seen(service, halted(service.pid), now - int(sign) / 1e6 if watched else None, tuple(stale))


def halted(pid: int) -> bool:
    """Return whether a signal has stopped the process, see proc(5)."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    return False


def can_answer(seen: Mapping[str, Seen], worker: Wanted) -> bool:
    """Return whether ``worker`` can be expected to answer."""
    found = seen.get(worker.unit)
    return found is not None and found.is_up and not found.is_draining and not found.hang()


def request(workers: Sequence[Wanted], timeout: float) -> dict[str, Any]:
    """Return what to ask the application of ``workers``."""
    return {
        "do": "verify",
        "nodes": {worker.node: list(worker.queues) for worker in workers},
        "patience": timeout / 6,
    }


def shown(systemd: Systemd, finding: Finding, seen: Mapping[str, Seen]) -> str:
    """Return a problem, with the last lines of the journal where they help, without secrets."""
    service = seen[finding.service.unit].service if finding.service.unit in seen else None
    if not finding.journal or service is None:
        return str(finding)
    journal = without_secrets(systemd.journal(service.unit, service.keeps_crashing), service.variables)
    lines = _strangers.quoted(_strangers.lines(journal))
    return f"{finding} The last lines of the journal of {service.unit.name}:{lines or ' none'}"


def started(items: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """Return the option ``services`` without those that are to be stopped."""
    host = os.uname().nodename
    return [
        Wanted(
            unit=_arguments.unit_name(item["unit"]),
            environment=item["environment"],
            kind=item["kind"],
            name=item["name"],
            node=_owned.node_name(item["node"], host),
            queues=tuple(item["queues"]),
            pool=item["pool"],
        )
        for item in items
        if item["state"] == "started"
    ]


def main() -> None:
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "services": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "unit": text,
                    "environment": text,
                    "kind": text,
                    "name": text,
                    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
                    "node": {"type": "str", "default": ""},
                    "queues": {"type": "list", "elements": "str", "default": []},
                    "pool": {"type": "str", "default": ""},
                    **{name: {"type": "str"} for name in _IGNORED},
                },
            },
            "environments": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        result = verify(
            Systemd(module.run_command, _PATIENCE),
            started(module.params["services"]),
            module.params["environments"],
            module.params["timeout"],
            module.warn,
        )
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
