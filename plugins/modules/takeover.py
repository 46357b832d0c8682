#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: takeover
short_description: Let foreign Celery services go, or bring them back
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Stops Celery services that somebody set up without this collection, so that its own take their place, and no task is
    lost or run twice. They are stopped one after the other, each through its own manager, which is systemd, Supervisor
    or a script in C(/etc/init.d), while its files are there. Then it does not start at boot any more. Its files stay.
  - A worker is told to consume no more, through Celery's remote control, and has all the time of O(timeout) for the
    tasks that it has. What it holds back until a later time it gives back to the broker when it stops.
  - When beat is gone, its schedule file is copied to where the beat of this collection has its own, so that no tick is
    sent twice and none that was due is skipped.
  - What a run that died has done already is not done again.
  - Internal to role P(stalk.celery.celery_service#role) and role P(stalk.celery.celery_rollback#role).
attributes:
  check_mode:
    description: Predicts what would be stopped, disabled or started.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  state:
    description:
      - V(begun), before services of O(kinds) start, stops what cannot run beside them, which is beat, Flower, and a
        worker with room for one task, since somebody may use it as a lock. All other workers go on.
      - V(ended), when services of O(kinds) are ready, stops the workers.
      - V(returned) starts all of O(services) again, with what beat has sent meanwhile. A takeover that was not finished
        is given up.
    type: str
    choices: [begun, ended, returned]
    required: true
  services:
    description:
      - The foreign services, as M(stalk.celery.look) and M(stalk.celery.generations) return them.
    type: list
    elements: dict
    required: true
  kinds:
    description: The kinds of services that start or have started, by default all.
    type: list
    elements: str
  timeout:
    description: How long each of them may take for the tasks that it has, in seconds.
    type: int
    default: 900
seealso:
  - module: stalk.celery.look
  - module: stalk.celery.generations
"""

EXAMPLES = r"""
---
- name: Make room for the services that start
  stalk.celery.takeover:
    state: begun
    services: "{{ celery_service_look.taken }}"

- name: Start them
  stalk.celery.units:
    units: "{{ written.units }}"

- name: Let those go that were there before
  stalk.celery.takeover:
    state: ended
    services: "{{ celery_service_look.taken }}"
"""

RETURN = r"""
stopped:
  description: The services that were stopped.
  returned: success
  type: list
  elements: str
  sample: ['live: celery.service']
disabled:
  description: The services that do not start at boot any more.
  returned: success
  type: list
  elements: str
  sample: ['live: celery.service']
started:
  description: The services that were started again.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _archive,
    _context,
    _disk,
    _own_services,
    _takeover,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._apart import Account
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._host._takeover import TakeoverError
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import HOLD, Taken, parsed, same_names

_MARGIN = 600  # seconds for a command of a manager, which has no tasks to wait for


class Takeover:
    """What is done with foreign services. Each public method is a state."""

    def __init__(self, module: AnsibleModule) -> None:
        self._check_mode: bool = module.check_mode
        self._kinds: Sequence[str] = module.params["kinds"] or list(KINDS)
        self._timeout: int = module.params["timeout"]
        self._services = sorted(map(parsed, module.params["services"]), key=str)
        self._run = module.run_command
        self._label = _disk.selinux_labeler(module)
        self._done: dict[str, list[str]] = {"stopped": [], "disabled": [], "started": []}
        self._is_changed = False

    @property
    def _systemd(self) -> Systemd:
        """The manager, with all of the time for what comes next."""
        return Systemd(self._run, _MARGIN)

    @property
    def result(self) -> dict[str, Any]:
        return {"changed": self._is_changed or any(self._done.values()), **self._done}

    def begun(self) -> None:
        """Make room for services that start."""
        if "worker" in self._kinds:
            self._hold_back()
        for gone in self._services:
            if gone.goes_before(self._kinds):
                self._let_go(gone)
        if "beat" in self._kinds:
            self._carry_schedules()

    def ended(self) -> None:
        """Let those go in whose place services have started."""
        for gone in self._services:
            if gone.goes_after(self._kinds):
                self._let_go(gone)
        if self._check_mode:
            return
        if "worker" in self._kinds:
            self._hold(False)
        names = {gone.environment for gone in self._services}
        for environment in names - {gone.environment for gone in self._services if self._is_unfinished(gone)}:
            _archive.end_takeover(environment)

    def returned(self) -> None:
        """Bring them back, beat last."""
        for gone in sorted(self._services, key=lambda one: one.has_beat):
            if not _takeover.idle([gone]):
                continue
            self._done["started"].append(str(gone))
            if not self._check_mode:
                if gone.has_beat and gone.own_schedule:
                    _takeover.carry(gone.own_schedule, gone.own_user, gone.schedule, Account(gone.user))
                self._systemd.reload()
                _takeover.enable(self._systemd, gone)
                _takeover.start(self._systemd, gone, _MARGIN)
        if not self._check_mode:
            for environment in {gone.environment for gone in self._services}:
                _archive.end_takeover(environment)

    def _is_unfinished(self, gone: Taken) -> bool:
        """Whether a service is there, or what its beat has sent is still to be carried to the one that starts."""
        is_there = _takeover.is_there(self._systemd, gone) or _takeover.is_enabled(self._systemd, gone)
        return is_there or (gone.has_beat and "beat" not in self._kinds)

    def _hold_back(self) -> None:
        """Let workers leave remote control to those of the same name; one that runs already hands over to one so."""
        if self._check_mode:
            return
        late = [worker for worker in self._hold(True) if worker.pid]
        self._systemd.jobs("reload", [worker.unit.name for worker in late])

    def _hold(self, is_held: bool) -> list[Owned]:
        """Change whether workers are held back from remote control; returns those of which it changed."""
        changed = []
        for worker in same_names(_own_services.find(self._systemd), self._services):
            place = worker.variables.get("CELERYD_HANDOVER", "")
            if place:
                account = Account(worker.user, worker.group)
                _takeover.state_directory(place.rpartition("/")[0], account)
                changed += [worker] if _takeover.hold(place + HOLD, account, is_held) else []
        return changed

    def _let_go(self, gone: Taken) -> None:
        """Stop and disable a service."""
        if _takeover.is_there(self._systemd, gone):
            self._done["stopped"].append(str(gone))
            if not self._check_mode:
                if gone.has_worker:
                    self._drain(gone)
                _takeover.stop(self._systemd, gone, _MARGIN)
        if _takeover.is_enabled(self._systemd, gone):
            self._done["disabled"].append(str(gone))
            if not self._check_mode:
                _takeover.disable(self._systemd, gone, self._label)

    def _drain(self, gone: Taken) -> None:
        """Let the workers of a service consume no more, and wait for their tasks. Raises TakeoverError."""
        pids = _takeover.pids_of_nodes(gone)
        if not pids:
            return
        services = [one for one in _own_services.find(self._systemd) if one.environment == gone.environment]
        context = _context.contexts([one for one in services if one.kind == "worker"])[0]
        request = {"do": "drain", "nodes": pids}
        answer = _context.ask(self._systemd, {context: request}, self._timeout)[context]
        if "error" in answer:
            raise TakeoverError(f"{gone} cannot be told to consume no more: {answer['error']}")
        if answer["busy"]:
            raise TakeoverError(
                f"{gone}: {', '.join(answer['busy'])} still has tasks after {self._timeout} s, or does not answer. It "
                "goes on with them and takes no new ones; run this again to let it go when it is done."
            )

    def _carry_schedules(self) -> None:
        """Bring what foreign beats have sent to the beats of the collection, which do not run yet."""
        if self._check_mode:
            return
        beats = [one for one in _own_services.find(self._systemd) if one.kind == "beat" and one.pid]
        running = {beat.environment for beat in beats}
        for gone in self._services:
            if gone.has_beat and gone.own_schedule and gone.environment not in running:
                account = Account(gone.own_user, gone.own_group)
                _takeover.state_directory(gone.own_schedule.rpartition("/")[0], account)
                is_there = _takeover.carry(gone.schedule, gone.user, gone.own_schedule, account)
                self._is_changed = self._is_changed or is_there


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["begun", "ended", "returned"], "required": True},
            "services": {"type": "list", "elements": "dict", "required": True},
            "kinds": {"type": "list", "elements": "str"},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    try:
        takeover = Takeover(module)
        with _disk.exclusive_lock():  # what a run that was interrupted has begun here may go on
            getattr(takeover, module.params["state"])()
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**takeover.result)


if __name__ == "__main__":
    main()
