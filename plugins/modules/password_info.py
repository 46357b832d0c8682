#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: password_info
short_description: Read the passwords of environments on the host of their broker
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Returns what M(stalk.celery.realms) made. Run it with C(delegate_to) the broker's host, and always with
    C(no_log=true).
extends_documentation_fragment:
  - stalk.celery.read_only
options:
  environments:
    description: The environments whose passwords to read.
    type: list
    elements: str
    required: true
seealso:
  - module: stalk.celery.realms
"""

EXAMPLES = r"""
---
- name: Read the password of live
  stalk.celery.password_info:
    environments: [live]
  delegate_to: broker1
  no_log: true
  register: kept
"""

RETURN = r"""
passwords:
  description: The password of each environment that has one.
  returned: success
  type: dict
  sample: {live: 9vUxkS0c}
machine:
  description: What tells this machine from all others, see P(stalk.celery.misleading#filter).
  returned: success
  type: str
  sample: 0a3c1f5be2d7
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _machine, _passwords


def main() -> None:
    module = AnsibleModule(
        argument_spec={"environments": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    try:
        found = {name: _passwords.read(name) for name in module.params["environments"]}
    except OSError as error:
        module.fail_json(msg=str(error))
    kept = {name: password for name, password in found.items() if password}
    module.exit_json(changed=False, machine=_machine.identity(), passwords=kept)


if __name__ == "__main__":
    main()
