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
  - Runs a command beside a service of this host, as M(stalk.celery.look) has found it, and waits until
    it has ended.
  - A shell runs it as the user of the service, in its directory and with its variables, those of its drop-ins too, but
    without its sandbox.
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
    description: The command, for a shell. It must hold no secret.
    type: str
    required: true
  unit:
    description: Complete name of the systemd unit of the service, which this collection has to have written.
    type: str
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
    command: python manage.py migrate --noinput
    unit: celery-live-w1.service
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

import contextlib
import os
from typing import Any, Iterator

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import assignments
from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import environment_value
from ansible_collections.stalk.celery.plugins.module_utils._host import _bounded, _context, _own_services, _paths
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

_LINES = 200
_PATIENCE = 60


def service_of(systemd: Systemd, unit: str) -> Owned:
    """Return the service beside which the migrations run. Raises ValueError if this host has none of this name."""
    found = [service for service in _own_services.find(systemd) if service.unit.name == unit]
    if not found:
        raise ValueError(f"This host has no {unit}; run site.yml.")
    return found[0]


@contextlib.contextmanager
def command_line(service: Owned, command: str, seconds: int) -> Iterator[list[str]]:
    """Yield what runs ``command`` beside ``service``; what ``Environment=`` sets is in a file meanwhile."""
    set_by_units = assignments(service.unit["Environment"])
    text = "".join(f"{name}={environment_value(value)}\n" for name, value in set_by_units.items())
    with _paths.lent("environment", text.encode(), os.getuid(), os.getgid()) as path:
        yield [
            "systemd-run",
            "--quiet",
            "--collect",
            "--wait",
            "--pipe",
            "--service-type=exec",
            f"--property=RuntimeMaxSec={seconds}",
            f"--property=EnvironmentFile={path}",  # before the others, which overrule it
            *_context.surroundings(service),
            "--",
            "/bin/sh",
            "-c",
            command.replace("$", "$$"),  # systemd-run expands $NAME (man 1 systemd-run); this is for the shell
        ]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "command": {"type": "str", "required": True},
            "unit": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 86400},
        },
    )
    seconds = module.params["timeout"]
    try:
        service = service_of(Systemd(module.run_command, _PATIENCE), _arguments.unit_name(module.params["unit"]))
        with command_line(service, module.params["command"], seconds) as command:
            said = _bounded.run(command, seconds, into=_bounded.Log(), errors=_bounded.Log())
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error), rc=1, stdout_lines=[], stderr_lines=[])
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
