#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_info
short_description: Ask the Celery workers of a host what they do
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Asks every worker that this collection runs on a host, through its broker, for its queues and tasks, and the broker
    for the lengths of these queues.
  - Works in the context of the services, as their user, in their directory and with their variables. Services that
    see the same are asked by one process, all others at the same time.
  - Never fails on what it finds. A worker that does not answer and a broker that cannot be reached are part of the
    result. A worker of the V(solo) pool answers only between tasks, and none does while it stops.
  - Needs root (C(become)). Returns no arguments of tasks and no other secret.
extends_documentation_fragment:
  - stalk.celery.read_only
options:
  environments:
    description: The environments whose workers to ask. By default all that the host has.
    type: list
    elements: str
    default: []
  stopped:
    description: Whether to ask for the lengths of queues also where no worker runs that sees the same.
    type: bool
    default: false
  timeout:
    description:
      - Seconds that connecting to the broker and all answers may take.
        Importing an application has start_timeout of its service for it, or two minutes if that is longer.
    type: int
    default: 15
seealso:
  - module: stalk.celery.service_facts
  - module: stalk.celery.task
"""

EXAMPLES = r"""
---
- name: Ask the workers
  stalk.celery.worker_info:
  register: celery

- name: Report tasks that have been running for more than an hour
  ansible.builtin.debug:
    msg: "{{ celery.workers | map(attribute='active') | flatten | selectattr('seconds', 'gt', 3600) }}"
"""

RETURN = r"""
workers:
  description: The workers, also those that do not answer or do not run, sorted by environment and name.
  returned: success
  type: list
  elements: dict
  contains:
    environment:
      description: The environment of the worker.
      type: str
      sample: live
    name:
      description: Its name in the environment.
      type: str
      sample: w1
    unit:
      description: Complete name of its systemd unit.
      type: str
      sample: celery-live-w1.service
    node:
      description: Its name in Celery.
      type: str
      sample: w1@app1
    answers:
      description: Whether it answered, none if its application or its broker does without remote commands.
      type: bool
      sample: true
    pool:
      description: The pool that it uses, or is configured to use. None if nobody asked what its application has.
      type: str
      sample: prefork
    queues:
      description: The queues that it consumes now. This and all that follows is none if it did not answer.
      type: list
      elements: str
      sample: [celery]
    active:
      description: The tasks that it runs, each with C(id), C(name) and for how many C(seconds).
      type: list
      elements: dict
      sample: [{id: 6f1ed002-ab59-4d63-a1a3-c5b4e2f0d9f3, name: edc.export, seconds: 12}]
    reserved:
      description: How many tasks it has fetched and not begun.
      type: int
      sample: 4
    scheduled:
      description: How many tasks it holds back until their time.
      type: int
      sample: 0
    total:
      description: How many tasks it has accepted since it started.
      type: int
      sample: 118
    concurrency:
      description: How many tasks it runs at the same time.
      type: int
      sample: 8
queues:
  description:
    - For each environment the queues of its workers on this host and how many messages wait in them. Those of workers
      that do not run are there if one does that sees the same, or with O(stopped).
    - None for a queue of which the broker does not say it.
  returned: success
  type: dict
  sample:
    live:
      celery: 3
      video: 0
problems:
  description: Why applications could not be asked.
  returned: success
  type: list
  elements: str
  sample: ['live/w1: connecting to the broker failed: OperationalError: Connection refused']
doubles:
  description: Workers whose node name another process has, too.
  returned: success
  type: list
  elements: str
  sample: ['live/w1: 2 processes answer to the node name w1@app1.']
others:
  description:
    - The nodes that consume the same queues and are not on this host, see P(stalk.celery.unknown_nodes#filter).
  returned: success
  type: list
  elements: dict
  sample: [{environment: live, node: w1@app2, queues: [celery]}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _inspection
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError

_PATIENCE = 60


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environments": {"type": "list", "elements": "str", "default": []},
            "stopped": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    try:
        result = _inspection.inspect(Systemd(module.run_command, _PATIENCE), **module.params)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
