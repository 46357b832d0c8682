#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: generations
short_description: Keep what environments run on a host, and go back to it
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - A generation is what an environment ran on a host before a change, that is all files that the collection wrote for
    it, which units were started and enabled, and the release of the code.
  - The release is the directory in which the processes work, where the C(directory) of a service goes through a
    symbolic link, such as C(/srv/myapp/current).
  - Generations are in C(/var/lib/stalk.celery/generations), one file for each, at most five for each environment. They
    hold the passwords that the environment files have, so only root can read them, and the module shows nothing of it.
  - This module stops and starts nothing. What it returns is for M(stalk.celery.units).
attributes:
  check_mode:
    description: Predicts every change, and says whether going back is possible.
    support: full
  diff_mode:
    description: Shows the text of public files that are put back, and the names of changed variables of secret ones.
    support: full
options:
  state:
    description:
      - V(kept) saves the current state of each environment as a generation. Without O(undo) and O(deployed), an
        environment is kept only when its services run, and came up with the files that they have now; what a run
        left that died half-way is not worth it. What is the same as the newest generation takes its place.
      - V(restored) brings back what was there before run O(undo). All environments are checked before the first one
        is changed. Where nothing was kept, nothing is changed.
      - V(absent) removes the generations of environments, and returns all of their files as RV(orphans).
    type: str
    choices: [kept, restored, absent]
    required: true
  environments:
    description: Names of the environments.
    type: list
    elements: str
    required: true
  run:
    description:
      - What to call the generations that are kept, the time at which the playbook was started, in UTC, the same on all
        hosts. A run that kept an environment already leaves it as it is.
      - Required with O(state=kept).
    type: str
  undo:
    description:
      - The run to undo. What was kept by it is restored, or where it kept nothing, by the first one after it.
      - With O(state=kept) the generation notes that it was kept before that run was undone. Then it is kept whatever
        its state, but only where there is something to restore.
      - Required with O(state=restored).
    type: str
  deployed:
    description: With O(state=kept), keep only environments that run another release than the one that is there now.
    type: bool
    default: false
  taken:
    description:
      - With O(state=kept), foreign services that M(stalk.celery.takeover) is about to stop, as M(stalk.celery.look)
        returns them. Their files are kept with the generation.
      - Where a run that takes services over has died, what was kept before it stays the way back, and nothing is kept.
    type: list
    elements: dict
    default: []
seealso:
  - module: stalk.celery.generation_info
  - module: stalk.celery.files
  - module: stalk.celery.takeover
  - module: stalk.celery.units
"""

EXAMPLES = r"""
---
- name: Keep what runs before it is changed
  stalk.celery.generations:
    state: kept
    environments: [live]
    run: 20261121T093000Z

- name: Put the files of that time back
  stalk.celery.generations:
    state: restored
    environments: [live]
    undo: 20261121T093000Z
  register: restored

- name: Run what ran then
  stalk.celery.units:
    units: "{{ restored.units }}"
    restart: "{{ restored.restart }}"
    orphans: "{{ restored.orphans }}"
"""

RETURN = r"""
kept:
  description: Environments of which a generation was kept.
  returned: O(state=kept)
  type: list
  elements: str
  sample: [live]
restored:
  description: Environments that are what they were before run O(undo), and were not before.
  returned: O(state=restored)
  type: list
  elements: str
  sample: [live]
changed_files:
  description: Paths of the files whose content was written, and of the links that lead to another release.
  returned: O(state=restored)
  type: list
  elements: str
  sample: [/etc/conf.d/celery-live-w1.conf]
restart:
  description: Units that run and have another configuration or another release now.
  returned: O(state=restored)
  type: list
  elements: str
  sample: [celery-live-w1.service]
orphans:
  description:
    - Paths of files that the collection wrote and that were not there then. With O(state=absent) of all its files.
  returned: O(state=restored) or O(state=absent)
  type: list
  elements: str
  sample: [/etc/systemd/system/celery-live-w2.service]
beats:
  description:
    - Units of beat that are to run and do not, or that run with another C(marker) than they are to have.
      There must be none of these environments on any host, but for those with the same.
  returned: O(state=restored)
  type: list
  elements: dict
  sample: [{environment: live, unit: celery-live-beat.service, marker: live/beat/beat/app1}]
taken:
  description:
    - The foreign services that ran at that time, whose files are back, as M(stalk.celery.takeover) takes them.
  returned: O(state=restored)
  type: list
  elements: dict
  sample: []
units:
  description: The units of that time and their states, as O(stalk.celery.units#module:units) takes them.
  returned: O(state=restored)
  type: list
  elements: dict
  sample: [{name: celery-live-w1.service, state: started, enabled: true}]
"""

import re
from dataclasses import replace
from typing import Any, Iterable, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive, _disk
from ansible_collections.stalk.celery.plugins.module_utils._host._archive import Present, RestorePlan
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _generation
from ansible_collections.stalk.celery.plugins.module_utils._plan._generation import Generation
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import described, parsed

_PATIENCE = 60
_RUN = re.compile(r"\d{8}T\d{6}Z")


class Generations:
    """The generations of environments on this host. Each method is a state, and returns what the module returns."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._environments: list[str] = _arguments.environments(module.params["environments"])
        self._run: str = module.params["run"] or ""
        self._undo: str = module.params["undo"] or ""
        _check(_RUN, filter(None, [self._run, self._undo]), "a run; write for example '20261121T093000Z'.")
        self._systemd = Systemd(module.run_command, _PATIENCE)
        self._label = _disk.selinux_labeler(module)

    def kept(self) -> dict[str, Any]:
        names = [name for name in self._environments if self._keep(name)]
        return {"changed": bool(names), "kept": names}

    def _keep(self, environment: str) -> bool:
        kept = _archive.stored(environment)
        now = _archive.present(self._systemd, environment)
        under_way = _archive.unfinished(environment)
        wanted = map(parsed, self._module.params["taken"])
        taken = [one for one in wanted if one.environment == environment and not under_way]
        if self._run in kept or under_way or not (taken or self._is_worth_it(now, kept)):
            return False
        if self._run < max(kept, default=""):
            raise ValueError(_generation.of_two_clocks(_archive.GENERATIONS, environment, self._run, max(kept)))
        if not self._module.check_mode:
            self._write(environment, _archive.with_taken(replace(now.generation, undoes=self._undo), taken))
            if taken:
                _archive.begin_takeover(environment, taken, self._label)
            _archive.forget(environment, _generation.superseded(kept, self._run, now.generation, self._undo))
        return True

    def _is_worth_it(self, now: Present, kept: Mapping[str, Generation]) -> bool:
        if self._undo:
            return _generation.chosen(kept, self._undo) is not None
        if self._module.params["deployed"]:
            return now.runs_another_release
        return now.has_proved_itself

    def _write(self, environment: str, generation: Generation) -> None:
        try:
            _archive.keep(self._run, environment, generation, self._label)
        except OSError as error:
            raise ValueError(
                f"what {environment} runs cannot be kept in {_archive.GENERATIONS}: {error.strerror}. "
                "Nothing of it was changed. Make room there, and run this again."
            ) from error

    def restored(self) -> dict[str, Any]:
        plans = {name: planned for name in self._environments for planned in self._plans(name)}
        found = {name: _archive.problems(planned, self._systemd) for name, planned in plans.items()}
        problems = [f"{name}: {problem}" for name, texts in found.items() for problem in texts]
        if problems:
            raise ValueError("\n".join(problems))
        restored = [name for name, planned in plans.items() if planned.changes]
        result = {
            "changed": bool(restored),
            "restored": restored,
            "changed_files": [path for planned in plans.values() for path in planned.changed_files],
            "restart": [unit for planned in plans.values() for unit in planned.restart],
            "orphans": [path for planned in plans.values() for path in planned.orphans],
            "units": [unit for planned in plans.values() for unit in planned.units],
            "beats": [
                {"environment": name, "unit": unit, "marker": marker}
                for name, planned in plans.items()
                for unit, marker in planned.beats.items()
            ],
            "taken": [described(one) for planned in plans.values() for one in planned.generation.taken],
            "diff": [diff for planned in plans.values() for diff in planned.diffs],
        }
        if not self._module.check_mode:
            for planned in plans.values():
                _archive.restore(planned, self._label)
        return result

    def _plans(self, environment: str) -> list[RestorePlan]:
        kept = _archive.stored(environment)
        if _generation.is_too_old(kept, self._undo):
            raise ValueError(f"{environment}: the oldest run that this host can still undo is {min(kept)}.")
        run = _generation.chosen(kept, self._undo)
        return [_archive.plan_restore(kept[run], _archive.present(self._systemd, environment))] if run else []

    def absent(self) -> dict[str, Any]:
        kept = [name for name in self._environments if _archive.exists(name)]
        if not self._module.check_mode:
            for name in kept:
                _archive.remove(name)
        orphans = [file.path for name in self._environments for file in _archive.own_files(name)]
        return {"changed": bool(kept), "orphans": orphans}


def _check(pattern: re.Pattern[str], texts: Iterable[str], what: str) -> None:
    """Raise ValueError for the first of ``texts`` that ``pattern`` does not match."""
    for text in texts:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["kept", "restored", "absent"], "required": True},
            "environments": {"type": "list", "elements": "str", "required": True},
            "run": {"type": "str"},
            "undo": {"type": "str"},
            "deployed": {"type": "bool", "default": False},
            "taken": {"type": "list", "elements": "dict", "default": []},
        },
        required_if=[("state", "kept", ["run"]), ("state", "restored", ["undo"])],
        supports_check_mode=True,
    )
    try:
        result = getattr(Generations(module), module.params["state"])()
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
