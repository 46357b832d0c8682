#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: task
short_description: Send a Celery task and wait for its result
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Sends a task in the context of a service, as its user, in its directory and with its variables, and waits until a
    worker has run it, on this host or on another one.
  - Needs no result backend and works for tasks that ignore their results, too, since the worker tells through the
    broker that the task is done. The serializer of the application has to be able to take the result,
    which may be 1 MiB of JSON and 50 levels deep.
  - Fails when the application has no such task, when the task fails, and when it is not done in time. A task that no
    worker has begun until then is not run later.
  - With Redis, the answer of a task that ends after O(timeout) stays in the broker, in a list of its own whose name
    begins with V(stalk.celery.reply). Other brokers drop it.
  - Needs root (C(become)). The arguments of the task appear in no output of the module and in no log of the host.
attributes:
  check_mode:
    description: Sends nothing in check mode.
    support: none
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  environment:
    description: The environment to which the task belongs.
    type: str
    required: true
  unit:
    description: The service of the environment in whose context to send. By default the environment's first worker.
    type: str
  name:
    description: The name of the task, for example V(edc.tasks.export).
    type: str
    required: true
  args:
    description: The positional arguments.
    type: list
    elements: raw
    default: []
  kwargs:
    description: The keyword arguments.
    type: dict
    default: {}
  queue:
    description: The queue to which to send. By default the one to which the application routes the task.
    type: str
  timeout:
    description:
      - Seconds that sending the task and running it may take.
        Importing the application has start_timeout of its service for it, or two minutes if that is longer.
    type: int
    default: 60
  _arguments:
    description: O(args) and O(kwargs) as one JSON text. The action plugin sets it; a playbook cannot.
    type: str
seealso:
  - module: stalk.celery.worker_info
"""

EXAMPLES = r"""
---
- name: Build the search index once, after a deployment
  stalk.celery.task:
    environment: live
    name: edc.tasks.index
    kwargs:
      complete: true
    timeout: 600
  run_once: true
  register: index

- name: Show what it returned
  ansible.builtin.debug:
    var: index.result
"""

RETURN = r"""
id:
  description: The id of the task.
  returned: when it was sent
  type: str
  sample: 6f1ed002-ab59-4d63-a1a3-c5b4e2f0d9f3
state:
  description: V(SUCCESS), V(FAILURE), or V(PENDING) if it was not done in time.
  returned: when it was sent
  type: str
  sample: SUCCESS
result:
  description: What the task returned.
  returned: success
  type: raw
  sample: {documents: 4711}
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _context, _own_services
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

_PATIENCE = 60


def choose(services: list[Owned], environment: str, unit: str | None) -> Owned:
    """Return the service in whose context to send. Raises ValueError if there is none."""
    own = _owned.of_environments(services, [environment])
    found = [service for service in own if unit in (None, service.unit.name)]
    if found:
        return found[0]
    names = sorted({service.unit.name if own else service.environment for service in own or services})
    there = f"it has {', '.join(names)}." if names else "it has no services of this collection."
    if own:
        raise ValueError(f"'unit': this host has no {unit} of environment {environment}; {there}")
    raise ValueError(f"'environment': this host has no services of environment {environment!r}; {there}")


def send(systemd: Systemd, service: Owned, params: dict[str, Any]) -> dict[str, Any]:
    """Send the task and return its id, state and result. Raises ValueError if it cannot be sent."""
    args, kwargs = json.loads(params["_arguments"] or "[[], {}]")
    (context,) = _context.contexts([service])
    request = {"do": "task", "name": params["name"], "args": args, "kwargs": kwargs, "queue": params["queue"]}
    answer = _context.ask(systemd, {context: request}, params["timeout"])[context]
    if "error" in answer:
        raise ValueError(f"{context}: {answer['error']}")
    return answer


def problem(answer: dict[str, Any], params: dict[str, Any]) -> str:
    """Return what is wrong with the end of the task, nothing if it succeeded."""
    name = params["name"]
    if answer["state"] == "FAILURE":
        return f"The task {name} failed. {answer['failure'] or 'The log of the worker that ran it says why.'}"
    if answer["state"] != "SUCCESS":
        return (
            f"The task {name} is not done after {params['timeout']} s: no worker consumes its queue, all are busy, or "
            "it takes longer than 'timeout'. If no worker has begun it by now, it is not run."
        )
    return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "required": True},
            "unit": {"type": "str"},
            "name": {"type": "str", "required": True},
            "args": {"type": "list", "elements": "raw", "default": []},
            "kwargs": {"type": "dict", "default": {}},
            "queue": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
            "_arguments": {"type": "str", "no_log": True},
        },
    )
    params = module.params
    try:
        systemd = Systemd(module.run_command, _PATIENCE)
        services = _own_services.find(systemd)
        answer = send(systemd, choose(services, params["environment"], params["unit"]), params)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    told = {"id": answer["id"], "state": answer["state"]}
    wrong = problem(answer, params)
    if wrong:
        module.fail_json(msg=wrong, changed=True, **told)
    module.exit_json(changed=True, result=answer["result"], **told)


if __name__ == "__main__":
    main()
