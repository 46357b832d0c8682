#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restart
short_description: Restart services one after the other, each when the one before it works
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Restarts services that run, for example after new code was deployed. Those that do not run are left as they are.
  - A stop is warm. The next service is restarted when systemd calls the one before it active and, of a worker, when its
    node answers a ping at the broker, which is sent in the context of its service.
  - Fails at the first service that does not come back, and leaves the others as they are.
  - No answer is awaited of a worker that a task keeps from answering (pools V(solo), V(gevent) and V(eventlet)), nor of
    one that takes no remote commands, because its application or its broker does without.
attributes:
  check_mode:
    description: Says what would be restarted.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  units:
    description:
      - Complete names of the units, in the order in which to restart them.
      - Those that the collection did not set up are left as they are.
    type: list
    elements: str
    required: true
  timeout:
    description: How long to wait for all stops and starts together, in seconds.
    type: int
    default: 900
  patience:
    description: How long to wait for the answer of each worker, in seconds, after it was asked once.
    type: int
    default: 30
seealso:
  - module: stalk.celery.units
  - module: stalk.celery.worker_info
"""

EXAMPLES = r"""
---
- name: Load the new code
  stalk.celery.restart:
    units:
      - celery-live-w1.service
      - celery-live-w2.service
      - celery-live-beat.service
"""

RETURN = r"""
restarted:
  description: Units that were restarted and work.
  returned: always
  type: list
  elements: str
  sample: [celery-live-w1.service]
failed_unit:
  description: The unit that did not come back.
  returned: when one did not
  type: str
  sample: celery-live-w2.service
remaining:
  description: Units that run and were not restarted.
  returned: always
  type: list
  elements: str
  sample: [celery-live-beat.service]
"""

import time
from typing import Any, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import _context, _own_services
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _units, _verify
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

_SETTLE = 5  # seconds after which a unit that systemd calls active at once has failed if it is going to
_PING = 3
_PAUSE = 0.5


class RestartError(Exception):
    """A service did not come back."""


def running(systemd: Systemd, names: Sequence[str]) -> list[Owned]:
    """Return those of ``names`` that run, in their order."""
    owned = {service.unit.name: service for service in _own_services.find(systemd)}
    return [owned[name] for name in dict.fromkeys(names) if name in owned and owned[name].unit.is_running]


def restart(systemd: Systemd, service: Owned, patience: float) -> None:
    """Restart ``service`` and wait until it works. Raises RestartError if it does not."""
    name = service.unit.name
    in_time = systemd.jobs("restart", [name])
    unit, reason = systemd.show([name])[name], ""
    if in_time and unit.is_up:
        reason = answer(systemd, service, patience) if service.node else settle(systemd, service)
        unit = systemd.show([name])[name]
    if not unit.is_up:
        raise RestartError(_units.explain(unit, systemd.journal(unit), in_time))
    if reason:
        raise RestartError(f"{name} is up, but it does not work: {reason}")


def settle(systemd: Systemd, service: Owned) -> str:
    """Wait until it is clear whether ``service``, which nobody can ask, stays up; returns why not."""
    name = service.unit.name
    before = systemd.show([name], ("MainPID", "Type"))[name]
    if before["Type"] == "notify":
        return ""
    time.sleep(_SETTLE)
    after = systemd.show([name], ("MainPID",))[name]
    return "" if after["MainPID"] == before["MainPID"] else "it ended and was started again."


def answer(systemd: Systemd, worker: Owned, patience: float) -> str:
    """Wait until the node of ``worker`` answers; returns why it does not."""
    (context,) = _context.contexts([worker])
    request = {"do": "inspect", "nodes": {worker.node: worker.queues}, "patience": _PING}
    end = 0.0
    while True:
        told = _context.ask(systemd, {context: request}, _PING * 3)[context]
        if told.get("nodes", {}).get(worker.node) or told.get("no_remote_control"):
            return ""
        (unit,) = systemd.show([worker.unit.name], ("StatusText",)).values()
        if "error" not in told and _verify.is_busy(unit["StatusText"], worker.pool or told.get("pool", "")):
            return ""
        end = end or time.monotonic() + patience
        if time.monotonic() > end:
            return told.get("error") or f"its node {worker.node} does not answer within {patience:g} s."
        time.sleep(_PAUSE)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 900},
            "patience": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    result: dict[str, Any] = {"restarted": [], "remaining": []}
    try:
        systemd = Systemd(module.run_command, module.params["timeout"])
        services = running(systemd, [_arguments.unit_name(name) for name in module.params["units"]])
        result["remaining"] = [service.unit.name for service in services]
        for service in services:
            name = result["remaining"].pop(0)
            try:
                if not module.check_mode:
                    restart(systemd, service, module.params["patience"])
            except RestartError as error:
                module.fail_json(msg=str(error), changed=True, failed_unit=name, **result)
            result["restarted"].append(name)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error), **result)
    module.exit_json(changed=bool(result["restarted"]), **result)


if __name__ == "__main__":
    main()
