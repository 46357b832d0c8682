#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Bring many systemd units into their wanted states in one round trip
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Enables, starts, restarts and stops any number of units with a constant number of calls of C(systemctl), which does
    the work in parallel, and waits until all of them are up.
  - A worker whose unit can do so is handed over instead of restarted (C(systemctl reload)), where the
    M(stalk.celery.files) module noted that a new process sees all of what changed. The new process takes the place of
    the old one when it consumes, and the old one lets its tasks end. Of what systemd applies to the whole unit, such as
    the user, the type and the limits of its control group, it would not. A worker is also restarted, with a warning,
    where twice the memory that it uses is more than C(MemoryMax=) of its unit or than the host has left.
  - A running unit is restarted or handed over as well when M(stalk.celery.files) wrote one of its files after its main
    process had started. So a run that died in between is made good by the next one. The times compared are those of the
    monotonic clock, since the wall clock may jump.
  - Makes systemd read its unit files again only where that is necessary.
  - When a unit does not come up, the message has its state and its last 30 lines in the journal.
attributes:
  check_mode:
    description: Predicts every change. A unit whose file does not exist yet counts as one that would be made.
    support: full
  diff_mode:
    description: Shows the state of each unit before and after.
    support: full
options:
  units:
    description: The units and the states in which they are wanted.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Complete name, for example V(celery-live-w1.service).
        type: str
        required: true
      state:
        description: Whether the unit is to run now. V(started) is reached when systemd calls the unit active.
        type: str
        choices: [started, stopped]
        default: started
      enabled:
        description: Whether the unit is to be started at boot.
        type: bool
        default: true
  restart:
    description:
      - Units whose configuration changed.
      - Those that run are restarted or handed over. Those that do not are left as they are, unless O(units) says
        otherwise.
    type: list
    elements: str
    default: []
  orphans:
    description:
      - Paths of files that M(stalk.celery.files) found and that have to go.
      - Those that are unit files are stopped and disabled first, all at once. What they are doing ends as their unit
        files say. Then all of the files are removed, before anything is started.
      - A file that lacks the text C(Managed by stalk.celery:) in its first three lines is refused, and so is one that
        others than root could have put there.
    type: list
    elements: str
    default: []
  marker_prefixes:
    description:
      - Beginnings of markers, for example V(live/). A file of O(orphans) with another marker is refused.
      - By default those of all environments.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - How long to wait for all jobs together, in seconds.
      - When the time is over the module fails. The jobs go on in systemd.
    type: int
    default: 900
seealso:
  - module: stalk.celery.files
  - module: ansible.builtin.systemd_service
"""

EXAMPLES = r"""
---
- name: Start two workers and their target
  stalk.celery.units:
    units:
      - name: celery-live.target
      - name: celery-live-w1.service
      - name: celery-live-w2.service

- name: Restart what changed, if it runs
  stalk.celery.units:
    restart: "{{ written.restart }}"

- name: Keep a worker for later, remove what is not wanted any more
  stalk.celery.units:
    units:
      - name: celery-debug-w1.service
        state: stopped
        enabled: false
    orphans: "{{ written.orphans }}"
"""

RETURN = r"""
started:
  description: Units that were started.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
restarted:
  description: Units that were restarted.
  returned: success
  type: list
  elements: str
  sample: []
handed_over:
  description: Units that were handed over to a new process.
  returned: success
  type: list
  elements: str
  sample: []
stopped:
  description: Units that were stopped.
  returned: success
  type: list
  elements: str
  sample: []
enabled:
  description: Units that were enabled.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
disabled:
  description: Units that were disabled.
  returned: success
  type: list
  elements: str
  sample: []
removed:
  description: Paths of the files that were removed.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/celery-live-old.service]
units:
  description:
    - Properties of every unit that O(units) and O(restart) name, as C(systemctl show) has them at the end.
    - In check mode, as they are now. On failure, of the units that could be at fault.
  returned: success, or when a unit does not start or stop
  type: dict
  sample:
    celery-live-w1.service:
      ActiveState: active
      MainPID: '4242'
      SubState: running
      UnitFileState: enabled
"""

import os
from dataclasses import dataclass, field, replace
from typing import Any, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk, _handover, _paths, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _files, _units
from ansible_collections.stalk.celery.plugins.module_utils._plan import _handover as _ways
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Plan, Request, Unit


class UnitsError(Exception):
    """Units did not get into their wanted states; ``units`` is how they are now."""

    def __init__(self, message: str, units: dict[str, Unit]) -> None:
        super().__init__(message)
        self.units = units


def converge(
    systemd: Systemd,
    requests: Sequence[Request],
    restart: Sequence[str],
    orphans: Sequence[str],
    marker_prefixes: Sequence[str],
    check_mode: bool,
) -> dict[str, Any]:
    """Bring the units into their wanted states and return what the module returns.

    Raises UnitsError if a unit does not come up or does not stop; ValueError and SystemdError if nothing of what has
    to be started could be.
    """
    if orphans and not check_mode:
        with _disk.exclusive_lock():  # or two hosts that take over from this one would remove the same files
            return change(systemd, requests, restart, own_files(orphans, marker_prefixes), check_mode)
    return change(systemd, requests, restart, own_files(orphans, marker_prefixes), check_mode)


def change(
    systemd: Systemd, requests: Sequence[Request], restart: Sequence[str], files: Sequence[str], check_mode: bool
) -> dict[str, Any]:
    """Return what ``converge`` does, with those of the orphans that are ``files`` now."""
    leaving = [os.path.basename(path) for path in files if os.path.dirname(path) in _systemctl.UNIT_DIRECTORIES]
    staying = list(dict.fromkeys([*(request.name for request in requests), *restart]))
    names = list(dict.fromkeys([*staying, *leaving]))
    units = look(systemd, names, check_mode)
    problems = _units.problems(requests, units, may_be_missing=check_mode)
    if problems:
        raise ValueError("\n".join(problems))
    plan = _units.plan(requests, restart, leaving, units, _disk.change_times(staying), _disk.cold_change_times(staying))
    now, handed_over = units, HandedOver(plan)
    if not check_mode:
        stopped = stop(systemd, plan)
        remove(systemd, files)
        _disk.forget_changes(leaving)
        unwanted = [*leaving, *(request.name for request in requests if not request.started)]
        systemd.reset_failed([*plan.reset, *_units.failed({**units, **stopped}, unwanted)])
        systemd.enable(plan.enable)
        handed_over = hand_over(systemd, plan)
        now = start(systemd, requests, handed_over, staying)
    return {
        "changed": plan.changes or bool(files),
        "started": list(plan.start),
        "restarted": list(handed_over.plan.restart),
        "handed_over": list(handed_over.plan.hand_over),
        "stopped": list(plan.stop),
        "enabled": list(plan.enable),
        "disabled": list(plan.disable),
        "removed": list(files),
        "units": described(now, staying),
        "diff": _units.diff(names, handed_over.plan, units),
        "warnings": [f"{name} is restarted instead of handed over: {why}." for name, why in handed_over.cold.items()],
    }


def own_files(paths: Sequence[str], marker_prefixes: Sequence[str]) -> list[str]:
    """Return those of ``paths`` that exist. Raises ValueError for one that the collection did not write for them."""
    found = _disk.read_paths(paths)
    exposed = _disk.exposed(found)
    for path, existing in found.items():
        problem = _files.not_ours(existing, marker_prefixes) or exposed.get(path, "")
        if problem:
            raise ValueError(f"{path} {problem} and is not removed; take it out of 'orphans'.")
    return list(found)


def look(systemd: Systemd, names: Sequence[str], check_mode: bool) -> dict[str, Unit]:
    """Return the units as their files on disk have them; in check mode as systemd has them."""
    properties = (*_systemctl.PROPERTIES, *_ways.PROPERTIES)
    units = systemd.show(names, properties)
    if check_mode or not _systemctl.needs_reload(units.values()):
        return units
    systemd.reload()
    return systemd.show(names, properties)


def stop(systemd: Systemd, plan: Plan) -> dict[str, Unit]:
    """Disable and stop, and return the units that were stopped. Raises UnitsError if one still runs."""
    systemd.disable(plan.disable)
    systemd.jobs("stop", plan.stop)
    units = systemd.show(plan.stop)
    running = [unit for unit in units.values() if not unit.is_down]
    if running:
        raise UnitsError("\n".join(map(_units.still_running, running)), units)
    return units


def remove(systemd: Systemd, files: Sequence[str]) -> None:
    """Remove ``files``; nothing of them runs any more."""
    for path in files:
        _paths.unlink(path)
    if files:
        systemd.reload()


@dataclass(frozen=True)
class HandedOver:
    """A plan as it is after the hand-overs: which are done, and which units are restarted instead, and why.

    ``failed`` says of units whose old processes go on why they do.
    """

    plan: Plan
    cold: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def hand_over(systemd: Systemd, plan: Plan) -> HandedOver:
    """Hand over what the ``plan`` says, as far as it can be."""
    rounds = list(_handover.rounds(systemd, plan.hand_over, _handover.at_a_time(0)))
    cold = {name: reason for one in rounds for name, reason in one.cold.items()}
    failed = {name: reason for one in rounds for name, reason in one.failed.items()}
    done = tuple(name for one in rounds for name in one.done)
    return HandedOver(replace(plan, restart=(*plan.restart, *cold), hand_over=done), cold, failed)


def start(
    systemd: Systemd, requests: Sequence[Request], handed_over: HandedOver, names: Sequence[str]
) -> dict[str, Unit]:
    """Restart and start, and return all ``names``. Raises UnitsError if one that should be up is not, or is old."""
    plan = handed_over.plan
    in_time = systemd.jobs("restart", plan.restart) and systemd.jobs("start", plan.start)
    units = systemd.show(names)
    complaints = [
        *handed_over.failed.values(),
        *(_units.explain(unit, systemd.journal(unit), in_time) for unit in _units.not_up(requests, plan, units)),
        *_units.not_enabled(requests, units),
    ]
    if complaints:
        raise UnitsError("\n".join(complaints), units)
    return units


def described(units: dict[str, Unit], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the properties of ``names``, as plain data."""
    told = {name: units[name].properties for name in names if name in units}
    return {name: {key: one[key] for key in one if key not in _ways.PROPERTIES} for name, one in told.items()}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "units": _arguments.UNITS,
            "restart": {"type": "list", "elements": "str", "default": []},
            "orphans": {"type": "list", "elements": "str", "default": []},
            "marker_prefixes": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    try:
        result = converge(
            Systemd(module.run_command, module.params["timeout"]),
            _arguments.requests(module.params["units"]),
            [_arguments.unit_name(name) for name in module.params["restart"]],
            module.params["orphans"],
            module.params["marker_prefixes"],
            module.check_mode,
        )
    except UnitsError as error:
        module.fail_json(msg=str(error), units=described(error.units, list(error.units)))
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    for text in result.pop("warnings"):
        module.warn(text)
    if not module._diff:
        del result["diff"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
