#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report_info
short_description: All that a host says of its environments
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Answers at once what M(stalk.celery.service_facts), M(stalk.celery.worker_info) and M(stalk.celery.generation_info)
    answer, and which accounts the host has. One that fails is a result with C(failed) and C(msg), and the others count.
  - Internal to role P(stalk.celery.celery_status#role).
extends_documentation_fragment:
  - stalk.celery.accounts
  - stalk.celery.read_only
options:
  environments:
    description: The environments whose workers to ask.
    type: list
    elements: str
    required: true
  names:
    description: The environments whose generations to list.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds that the workers may take, as in M(stalk.celery.worker_info).
    type: int
    default: 15
seealso:
  - module: stalk.celery.status
"""

EXAMPLES = r"""
---
- name: Ask for all that the page of the fleet shows
  stalk.celery.report_info:
    environments: [live]
    names: [live]
    accounts:
      - environment: live
        user: live
  register: told
"""

RETURN = r"""
facts:
  description: The services, as the fact C(stalk_celery) of M(stalk.celery.service_facts).
  returned: success
  type: dict
  sample: {ansible_facts: {stalk_celery: {services: []}}}
inspected:
  description: The result of M(stalk.celery.worker_info).
  returned: success
  type: dict
  sample: {workers: [], queues: {}, problems: [], doubles: [], others: []}
kept:
  description: The result of M(stalk.celery.generation_info).
  returned: success
  type: dict
  sample: {generations: {live: []}}
machine:
  description: What tells this machine from all others, see P(stalk.celery.misleading#filter).
  returned: success
  type: str
  sample: 0f4c8a61a1b7d2f8e7f3d5c4b3a29180716253445566778899aabbccddeeff00
accounts:
  description: The result of M(stalk.celery.look) with O(accounts).
  returned: success
  type: dict
  sample: {accounts: {}, problems: []}
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _account_lookup,
    _archive,
    _inspection,
    _machine,
    _service_facts,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError

_PATIENCE = 60


def report(module: AnsibleModule) -> dict[str, Any]:
    """Return what the module returns."""
    systemd = Systemd(module.run_command, _PATIENCE)
    names = _arguments.environments(module.params["names"])
    asked, timeout = module.params["environments"], module.params["timeout"]
    return {
        "machine": _machine.identity(),
        "facts": answered(lambda: {"ansible_facts": {"stalk_celery": _service_facts.facts(systemd, module.warn)}}),
        "inspected": answered(lambda: _inspection.inspect(systemd, asked, False, timeout)),
        "kept": answered(lambda: {"generations": {name: _archive.listed(systemd, name) for name in names}}),
        "accounts": answered(lambda: _account_lookup.look_up(module.params["accounts"] or [])),
    }


def answered(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return an answer, or the result of a module that failed."""
    try:
        return ask()
    except (OSError, ValueError, SystemdError) as error:
        return {"failed": True, "msg": str(error)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environments": {"type": "list", "elements": "str", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "accounts": _arguments.ACCOUNTS,
            "timeout": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **report(module))
    except ValueError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
