#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_facts
short_description: The Celery services of a host as facts
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Returns every worker, beat and Flower that this collection runs on a host, for monitoring roles and reports.
  - Looks at the host alone, not at its inventory, so that services are found whose host has left its group.
  - Needs root (C(become)) on a host that has such services. Returns no secret.
extends_documentation_fragment:
  - stalk.celery.read_only
attributes:
  facts:
    description: Returns C(ansible_facts).
    support: full
options: {}
seealso:
  - module: stalk.celery.worker_info
  - module: stalk.celery.verify
  - module: stalk.celery.units
"""

EXAMPLES = r"""
---
- name: Find the services
  stalk.celery.service_facts:

- name: Watch each of them
  ansible.builtin.template:
    src: check.cfg.j2
    dest: "/etc/monitoring/{{ item.unit }}.cfg"
    mode: '0644'
  loop: "{{ stalk_celery.services | selectattr('enabled') }}"
  loop_control:
    label: "{{ item.unit }}"
"""

RETURN = r"""
ansible_facts:
  description: What is added to the facts of the host.
  returned: success
  type: dict
  contains:
    stalk_celery:
      description: The services and what they ran before.
      type: dict
      contains:
        now:
          description: When the host was looked at, by its own clock, by which all other times are. ISO 8601, in UTC.
          type: str
          sample: '2026-11-21T09:31:00Z'
        services:
          description: The services, sorted by environment, kind and name.
          type: list
          elements: dict
          contains:
            environment:
              description: The environment of the service.
              type: str
              sample: live
            kind:
              description: One of V(worker), V(beat) and V(flower).
              type: str
              sample: worker
            name:
              description: The name of the service in its environment.
              type: str
              sample: w1
            unit:
              description: Complete name of the systemd unit.
              type: str
              sample: celery-live-w1.service
            node:
              description: The name by which Celery knows the worker, empty for beat and Flower.
              type: str
              sample: w1@app1
            queues:
              description: The queues that the worker is configured to consume, empty for those of its application.
              type: list
              elements: str
              sample: [celery]
            pool:
              description: The pool of the worker, empty for that of its application.
              type: str
              sample: gevent
            app:
              description: The Celery application.
              type: str
              sample: meta_edc.celery.live:app
            user:
              description: The user who runs the service.
              type: str
              sample: live
            directory:
              description: The working directory, as it is configured.
              type: str
              sample: /srv/edc/current
            state:
              description: What systemd calls ActiveState.
              type: str
              sample: active
            substate:
              description: What systemd calls SubState.
              type: str
              sample: running
            enabled:
              description: Whether the service is started at boot.
              type: bool
              sample: true
            since:
              description: Since when it is in this state, in UTC; empty if it never ran.
              type: str
              sample: '2026-11-21T09:30:00Z'
            pid:
              description: The main process, 0 without one.
              type: int
              sample: 4242
            memory:
              description: The memory of all its processes in bytes, none where systemd does not count it.
              type: int
              sample: 94371840
            restarts:
              description: How often systemd has restarted it by itself since it was started.
              type: int
              sample: 0
            crashing:
              description: Whether it keeps crashing, so that systemd starts it again and again.
              type: bool
              sample: false
            status:
              description: What the service says of itself, without secrets.
              type: str
              sample: 'connected to redis://live:**@broker1:6379/1; 2 running, 4 reserved, 118 in total'
            release:
              description: The real working directory of the main process, empty without one.
              type: str
              sample: /srv/edc/releases/41
            current:
              description: Where the configured directory leads to now.
              type: str
              sample: /srv/edc/releases/42
            stale:
              description:
                - Why a running service is out of date; empty if it is current.
                - V(configuration) when a file of the unit was written after its process had started.
                - V(release) when the working directory leads elsewhere now.
                - V(code) when a Python file below the working directory, or a package of the virtual environment,
                  changed after the process had started. A reload does not count as a start.
              type: list
              elements: str
              sample: [release]
        generations:
          description:
            - What was kept of each environment, newest first. C(run) is the run before which it ran, C(release) the
              release of its code, empty where no link leads to one.
          type: dict
          sample:
            live: [{run: 20261121T093000Z, release: /srv/edc/releases/41}]
        foreign:
          description:
            - The Celery processes that run the application of an environment and are not of its services, with what
              they belong to. A sentence for each, without secrets.
          type: list
          elements: str
          sample:
            - >-
              live: a Celery worker that is not of this collection runs its application here: celery.service, pid 4711,
              user live, celery -A edc worker. Stop it first, through its own manager: systemctl disable --now
              celery.service.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _service_facts
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError

_PATIENCE = 60


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        found = _service_facts.facts(Systemd(module.run_command, _PATIENCE), module.warn)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, ansible_facts={"stalk_celery": found})


if __name__ == "__main__":
    main()
