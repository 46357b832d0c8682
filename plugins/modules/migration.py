#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration
short_description: Run the migrations of an environment
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Runs a command line that P(stalk.celery.migrations#filter) has made, and waits until it has ended.
  - The command has neither a terminal nor an open file of whoever runs the playbook. It is over when it has ended, also
    where another process goes on to write into its output.
  - Fails when the command does.
attributes:
  check_mode:
    description: Runs nothing in check mode.
    support: none
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  command:
    description: The command line. It must hold no secret.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds that it may take at most, a day by default.
    type: int
    default: 86400
seealso:
  - module: stalk.celery.restart
"""

EXAMPLES = r"""
---
- name: Run the migrations of live
  stalk.celery.migration:
    command: "{{ (celery_service_environments | stalk.celery.migrations(services)).live }}"
"""

RETURN = r"""
rc:
  description: The exit status.
  returned: always
  type: int
  sample: 0
stdout_lines:
  description: The last lines of its output, without control characters.
  returned: always
  type: list
  elements: str
stderr_lines:
  description: The last lines of its error output, without control characters.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _bounded, _strangers

_LINES = 200


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "command": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 86400},
        },
    )
    command, seconds = module.params["command"], module.params["timeout"]
    try:
        said = _bounded.run(command, seconds, into=_bounded.Log(), errors=_bounded.Log())
    except OSError as error:
        module.fail_json(msg=f"{command[0]} cannot be run: {error.strerror}", rc=1, stdout_lines=[], stderr_lines=[])
    result: dict[str, Any] = {
        "changed": True,
        "rc": said.code,
        "stdout_lines": _strangers.lines(said.output, _LINES),
        "stderr_lines": _strangers.lines(said.errors, _LINES),
    }
    if said.fault:
        module.fail_json(msg=f"The migrations did not end within {seconds} s.", **result)
    if said.code:
        last = _strangers.quoted([*result["stdout_lines"], *result["stderr_lines"]][-_strangers.LINES :])
        module.fail_json(msg=f"The migrations ended with exit status {said.code}; their last lines:{last}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
