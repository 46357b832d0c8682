#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: generation_info
short_description: List the generations of environments on a host
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Lists what M(stalk.celery.generations) kept, without the files, which hold passwords.
extends_documentation_fragment:
  - stalk.celery.read_only
options:
  environments:
    description: Names of the environments.
    type: list
    elements: str
    required: true
seealso:
  - module: stalk.celery.generations
"""

EXAMPLES = r"""
---
- name: List what live can go back to
  stalk.celery.generation_info:
    environments: [live]
  register: kept
"""

RETURN = r"""
generations:
  description:
    - The generations of each environment, newest first.
    - RV(ignore:run) is the run that kept it, RV(ignore:undoes) the run that this one was about to undo, if it was,
      RV(ignore:release) the real path of the release, empty without a link.
    - RV(ignore:differs) says whether the environment is another now.
      RV(ignore:unfinished) says that what RV(ignore:undoes) names has not been undone completely.
  returned: success
  type: dict
  sample:
    live: [{run: 20261121T093000Z, release: /srv/myapp/releases/7, undoes: '', differs: true, unfinished: false}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError

_PATIENCE = 60


def main() -> None:
    module = AnsibleModule(
        argument_spec={"environments": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    systemd = Systemd(module.run_command, _PATIENCE)
    try:
        names = _arguments.environments(module.params["environments"])
        module.exit_json(generations={name: _archive.listed(systemd, name) for name in names})
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
