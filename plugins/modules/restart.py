#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restart
short_description: Let services run new code, and see that each of them works
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Lets services that run load new code, for example after it was deployed. Those that do not run are left as they are.
  - A worker whose unit can do so is handed over (C(systemctl reload)); a new process takes its place, and the old one
    lets its tasks end, for which nobody waits. Several are handed over at the same time, see O(parallel).
  - The others are restarted, after that. A stop is warm. Of the workers of one environment only one is restarted at a
    time, so that the others go on.
  - A worker is restarted, with a warning, where twice the memory that it uses is more than C(MemoryMax=) of its unit or
    than the host has left, and where its process takes no part in a hand-over. It is also restarted where the
    M(stalk.celery.files) module noted that what changed in its unit needs it.
  - The next services have their turn when systemd calls the ones before them active and, of a worker, when its node
    answers at the broker, which is asked in the context of its service. After a hand-over it is the new process that
    has to answer.
  - Fails when a service does not come back, and leaves those as they are whose turn had not come. Where a new process
    does not start after a hand-over was asked for, the old one goes on.
  - No answer is awaited of a worker that a task keeps from answering (pools V(solo), V(gevent) and V(eventlet)), nor of
    one that takes no remote commands, because its application or its broker does without.
attributes:
  check_mode:
    description: Says what would be restarted or handed over.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  units:
    description:
      - Complete names of the units. Workers come first, otherwise they have their turns in this order.
      - Those that the collection did not set up are left as they are.
    type: list
    elements: str
    required: true
  parallel:
    description:
      - How many services are handed over or restarted at the same time, at most.
      - V(0) stands for two for each processor. Fewer are handed over where the host has no memory for so many.
    type: int
    default: 0
  timeout:
    description: How long to wait for all stops and starts together, in seconds.
    type: int
    default: 900
  patience:
    description: How long to wait for the answers of workers, in seconds, after they were asked once.
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
  description: Units that run anew and work, also those that were handed over.
  returned: always
  type: list
  elements: str
  sample: [celery-live-w1.service, celery-live-beat.service]
handed_over:
  description: Those of RV(restarted) that were handed over.
  returned: always
  type: list
  elements: str
  sample: [celery-live-w1.service]
failed_units:
  description: Units that did not come back, or were not handed over.
  returned: always
  type: list
  elements: str
  sample: []
remaining:
  description: Units that run as they did before, since their turn had not come or their new process did not start.
  returned: always
  type: list
  elements: str
  sample: []
"""

import time
from typing import Any, Callable, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import _context, _disk, _handover, _own_services
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _handover as _ways
from ansible_collections.stalk.celery.plugins.module_utils._plan import _units, _verify
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

_SETTLE = 5  # seconds after which a unit that systemd calls active at once has failed if it is going to
_PING = 3
_PAUSE = 0.5


class RestartError(Exception):
    """Services did not come back."""


class Restart:
    """The services of a host: which run anew and work, which failed, and which still run as they did.

    :param warn: takes what is said of a worker that is restarted although its unit could be handed over.
    """

    def __init__(
        self, systemd: Systemd, services: Sequence[Owned], most: int, patience: float, warn: Callable[[str], None]
    ) -> None:
        self._systemd = systemd
        self._services = {service.unit.name: service for service in services}
        self._most = most
        self._patience = patience
        self._warn = warn
        self._handed_over: set[str] = set()
        self.restarted: list[str] = []
        self.failed_units: list[str] = []
        self.remaining = list(self._services)

    @property
    def handed_over(self) -> list[str]:
        """Return those that run anew by a hand-over, and work."""
        return [name for name in self.restarted if name in self._handed_over]

    @property
    def result(self) -> dict[str, Any]:
        """Return what the module returns."""
        return {key: getattr(self, key) for key in ("restarted", "handed_over", "failed_units", "remaining")}

    def able(self) -> list[str]:
        """Return those for which a hand-over is possible, and does."""
        cold = _disk.cold_change_times(self._services)
        units = [service.unit for service in self._services.values()]
        return [unit.name for unit in units if unit.can_hand_over and cold.get(unit.name, 0) <= unit.started_at]

    def run(self, able: Sequence[str]) -> None:
        """Hand over those that are ``able``, and restart the others. Raises RestartError if one does not work."""
        cold = {*self._services} - {*able}
        for handed in _handover.rounds(self._systemd, able, self._most):
            for name, reason in handed.cold.items():
                self._warn(f"{name} is restarted instead of handed over: {reason}.")
            cold |= {*handed.cold}
            self._handed_over |= {*handed.done}
            self._finish(handed.done, handed.failed)
        self._restart([service for name, service in self._services.items() if name in cold])

    def _restart(self, services: Sequence[Owned]) -> None:
        """Restart ``services``: workers first, and of each environment one after the other."""
        lanes = [
            {service.unit.name: service.environment for service in services if service.node},
            {service.unit.name: service.unit.name for service in services if not service.node},
        ]
        for waiting in lanes:
            while waiting:
                chosen = _ways.turn(waiting, self._most)
                in_time = self._systemd.jobs("restart", chosen)
                units = self._systemd.show(chosen)
                down = [unit for unit in units.values() if not unit.is_up]
                failed = {unit.name: _units.explain(unit, self._systemd.journal(unit), in_time) for unit in down}
                self._finish(chosen, failed)
                waiting = {name: lane for name, lane in waiting.items() if name not in chosen}

    def _finish(self, names: Sequence[str], failed: Mapping[str, str]) -> None:
        """Note which of ``names``, which run anew, work. Raises RestartError if not all do, or if some ``failed``."""
        self.remaining = [name for name in self.remaining if name not in names]
        reasons = {**failed, **self._what_is_wrong([name for name in names if name not in failed])}
        self.restarted += [name for name in names if name not in reasons]
        self.failed_units = list(reasons)
        if reasons:
            raise RestartError("\n".join(reasons.values()))

    def _what_is_wrong(self, names: Sequence[str]) -> dict[str, str]:
        """Return why those of ``names`` that do not work do not, by unit."""
        services = [self._services[name] for name in names]
        told = {
            **answers(self._systemd, [service for service in services if service.node], self._patience),
            **settle(self._systemd, [service for service in services if not service.node]),
        }
        reasons = {name: f"{name} is up, but it does not work: {reason}" for name, reason in told.items()}
        down = [unit for unit in self._systemd.show(names).values() if not unit.is_up]
        return {**reasons, **{unit.name: _units.explain(unit, self._systemd.journal(unit), True) for unit in down}}


def running(systemd: Systemd, names: Sequence[str]) -> list[Owned]:
    """Return those of ``names`` that run, in their order."""
    owned = {service.unit.name: service for service in _own_services.find(systemd)}
    return [owned[name] for name in dict.fromkeys(names) if name in owned and owned[name].unit.is_running]


def settle(systemd: Systemd, services: Sequence[Owned]) -> dict[str, str]:
    """Wait until it is clear whether ``services``, which nobody can ask, stay up; return why one does not, by unit."""
    names = [service.unit.name for service in services]
    before = systemd.show(names, ("MainPID", "Type"))
    unsure = [name for name in names if before[name]["Type"] != "notify"]
    if unsure:
        time.sleep(_SETTLE)
    after = systemd.show(unsure, ("MainPID",))
    gone = [name for name in unsure if after[name]["MainPID"] != before[name]["MainPID"]]
    return dict.fromkeys(gone, "it ended and was started again.")


def answers(systemd: Systemd, workers: Sequence[Owned], patience: float) -> dict[str, str]:
    """Wait until the nodes of ``workers`` answer; return why one does not, by unit."""
    end = 0.0
    reasons: dict[str, str] = {}
    while workers:
        reasons = _ask(systemd, workers, patience)
        workers = [worker for worker in workers if worker.unit.name in reasons]
        end = end or time.monotonic() + patience
        if time.monotonic() > end:
            break
        if workers:
            time.sleep(_PAUSE)
    return reasons


def _ask(systemd: Systemd, workers: Sequence[Owned], patience: float) -> dict[str, str]:
    """Ask the nodes of ``workers`` once; return why one does not answer, by unit."""
    requests = {
        context: {
            "do": "processes",
            "nodes": {worker.node: worker.queues for worker in context.services},
            "patience": _PING,
        }
        for context in _context.contexts(workers)
    }
    told = _context.ask(systemd, requests, _PING * 3)
    units = systemd.show([worker.unit.name for worker in workers], ("StatusText",))
    return {
        worker.unit.name: told[context].get("error") or f"its node {worker.node} does not answer within {patience:g} s."
        for context in requests
        for worker in context.services
        if not _works(worker, units[worker.unit.name]["StatusText"], told[context])
    }


def _works(worker: Owned, status: str, told: Mapping[str, Any]) -> bool:
    """Return whether the process of ``worker`` that is new has answered, or cannot."""
    pid = told.get("processes", {}).get(worker.node)
    if told.get("no_remote_control") or pid not in (None, worker.pid):
        return True
    return "error" not in told and _verify.is_busy(status, worker.pool or told.get("pool", ""))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "str", "required": True},
            "parallel": {"type": "int", "default": 0},
            "timeout": {"type": "int", "default": 900},
            "patience": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        systemd = Systemd(module.run_command, options["timeout"])
        services = running(systemd, [_arguments.unit_name(name) for name in options["units"]])
        most = _handover.at_a_time(options["parallel"])
        work = Restart(systemd, services, most, options["patience"], module.warn)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error), restarted=[], handed_over=[], failed_units=[], remaining=[])
    able = work.able()
    if module.check_mode:
        module.exit_json(changed=bool(services), **{**work.result, "restarted": work.remaining, "handed_over": able})
    try:
        work.run(able)
    except (OSError, ValueError, SystemdError, RestartError) as error:
        changed = bool(work.restarted or work.failed_units)
        module.fail_json(msg=str(error), changed=changed, **work.result)
    module.exit_json(changed=bool(work.restarted), **work.result)


if __name__ == "__main__":
    main()
