#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: look
short_description: Find out what differs on a host from its plan, and whether that would work
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Compares the files, directories and units of a host with its plan, and answers whether services would start with
    the files that M(stalk.celery.files) would write.
  - Never fails on what it finds, but returns it, so that a play can stop on all hosts before the first change on any.
  - Internal to role P(stalk.celery.celery_service#role), for which the action plugin makes these options of the
    inventory; what a playbook may write is described there.
  - Tries every service of which a file would change. The new unit is checked by C(systemd-analyze verify), then it is
    run once under another name, in its own context (user, directory, environment, sandbox, drop-ins of the
    administrator). It runs the same command; C(celery) loads a module by which it parses the whole command line,
    imports the app and its tasks, and ends. The running service goes on all the while, and what the trial needed is
    removed.
  - Warns of workers for which there is no room to be handed over, so that they are going to be restarted.
  - Warns of directories that the app is set up to write to and that its sandbox closes.
  - Looks for Celery processes that run the application of an environment and are not of its services, such as those of
    an older set-up. No service is started, or started anew, beside one. It counts if the environment's user or root
    runs it, or a unit that works in the directory of the environment; not if it has another application, broker or
    settings.
  - A trial makes none of the directories that systemd would make for the unit. If the user of the unit does not exist
    yet, a dynamic user takes its place.
attributes:
  check_mode:
    description:
      - Changes nothing in any mode. In check mode no service is tried, and a directory or a virtual environment that
        does not exist is worth a warning only, since an earlier task would have made it.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
extends_documentation_fragment:
  - stalk.celery.accounts
  - stalk.celery.files
options:
  services:
    description: The services that are to run with O(files).
    type: list
    elements: dict
    default: []
    suboptions:
      unit:
        description: Complete name of the systemd unit.
        type: str
        required: true
      environment:
        description: The environment of the service.
        type: str
        required: true
      name:
        description: The name of the service in its environment.
        type: str
        required: true
      user:
        description: The user who runs the service.
        type: str
        required: true
      group:
        description: The group of the service.
        type: str
        required: true
      directory:
        description: The working directory.
        type: str
        required: true
      virtualenv:
        description: The virtual environment that has C(bin/celery).
        type: str
        required: true
      write_paths:
        description: Directories that the service is to write to.
        type: list
        elements: str
        default: []
      env_files:
        description: Environment files of somebody else's, which root alone may be able to change.
        type: list
        elements: str
        default: []
      try:
        description: Whether the virtual environment is complete, so that it can be checked and the app tried.
        type: bool
        default: true
      state:
        description: Whether the service is to run.
        type: str
        choices: [started, stopped]
        default: started
  units:
    description: The units that are to be in a state, as for M(stalk.celery.units).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Complete name of the systemd unit.
        type: str
        required: true
      state:
        description: Whether the unit is to run.
        type: str
        choices: [started, stopped]
        default: started
      enabled:
        description: Whether the unit is to start with the host.
        type: bool
        default: true
  kinds:
    description: Kinds of services whose changes count in RV(changing); the trial is of all. By default all kinds.
    type: list
    elements: str
  marker_prefixes:
    description: Beginnings of markers, as for M(stalk.celery.files). An orphan is a change of its environment.
    type: list
    elements: str
    default: []
  search:
    description: Where to look for orphans, beside the directories of all O(files).
    type: list
    elements: str
    default: []
  everything:
    description: Whether to try all services that run, also those of which no file would change.
    type: bool
    default: false
  takeover:
    description: Whether foreign services of the environments are taken over. By default nothing starts beside them.
    type: bool
    default: false
  _script:
    description: The files of the module that tries an app. The action plugin sets it; a playbook cannot.
    type: str
seealso:
  - module: stalk.celery.files
  - module: stalk.celery.units
"""

EXAMPLES = r"""
---
- name: Try the configuration
  stalk.celery.look:
    files:
      - path: /etc/systemd/system/celery-live-w1.service
        template: etc/systemd/system/worker.service.j2
        unit: celery-live-w1.service
      - path: /etc/conf.d/celery-live-w1.conf
        template: etc/conf.d/worker.conf.j2
        group: live
        mode: '0640'
        secret: true
        unit: celery-live-w1.service
    services:
      - unit: celery-live-w1.service
        environment: live
        name: w1
        user: live
        group: live
        directory: /home/live/edc
        virtualenv: /home/live/edc/.venv
  register: found

- name: Stop on all hosts if it would not work on one
  ansible.builtin.assert:
    that: found.problems | length == 0
    fail_msg: "{{ found.problems }}"
  any_errors_fatal: true
"""

RETURN = r"""
accounts:
  description:
    - For each environment its C(group), by name or, where that would have to be quoted, by number, and its C(home).
    - C(makes_user), C(makes_group) and C(makes_home) say what the collection makes, or made once in the case of the
      user. C(missing) says whether the user or the group does not exist yet.
  returned: success
  type: dict
  sample:
    live:
      group: users
      home: /home/deploy
      makes_user: false
      makes_group: false
      makes_home: false
      missing: false
differs:
  description: Whether anything has to be done on the host.
  returned: success
  type: bool
  sample: true
ready:
  description: Environments in which something differs, and that can be converged now.
  returned: success
  type: list
  elements: str
  sample: [live]
packages:
  description: Environments that get their packages first.
  returned: success
  type: list
  elements: str
  sample: []
passes:
  description: Kinds of services that are converged together, in turn.
  returned: success
  type: list
  elements: list
  sample: [[worker, flower], [beat]]
beats:
  description: Which beats have to be stopped before one of this host starts, and the hosts where to look for them.
  returned: success
  type: dict
  sample: {hosts: [], members: [], marker_prefixes: [], keep_markers: [], search: []}
migrations:
  description: The migrations of each environment that has some, as M(stalk.celery.migration) takes them.
  returned: success
  type: dict
  sample: {}
create:
  description: What makes the users, groups and homes, and whether one of them differs.
  returned: success
  type: dict
  sample: {files: [], missing: [], directories: [], differs: false}
problems:
  description: What would not work, where it is set and what to write instead.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      live/w1: /home/live/edc/.venv has no bin/celery that can be executed: it is not there, its mode has no x, or its
      file system is mounted with noexec; install celery there, or correct 'virtualenv' of celery_live, or set its
      'packages'.
changing:
  description: Environments of which a file would be written, adjusted or removed.
  returned: success
  type: list
  elements: str
  sample: [live]
differing:
  description: Paths of files that would be written or adjusted, and of directories that would be made.
  returned: success
  type: list
  elements: str
  sample: [/etc/conf.d/celery-live-w1.conf]
unsettled:
  description: Those of O(units) that would be enabled, disabled, started, stopped or restarted as they are now.
  returned: success
  type: list
  elements: str
  sample: []
running:
  description: Units of the services that run, also those that start.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
settled:
  description:
    - Those of RV(running) whose files have the markers that they are to have. A beat among them has no other beside it.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
orphans:
  description: Units that run, and whose files the collection wrote once and O(files) has not any more.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w2.service]
taken:
  description: The foreign services that this run takes over, as M(stalk.celery.takeover) takes them.
  returned: success
  type: list
  elements: dict
  sample: []
tried:
  description: Units that were run for a trial.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
"""

import contextlib
import json
import os
import pwd
import stat
from dataclasses import replace
from typing import Any, Collection, Container, Iterable, Iterator, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _account_lookup,
    _apart,
    _archive,
    _as_user,
    _disk,
    _drop_ins,
    _env_files,
    _handover,
    _interpreter,
    _neighbours,
    _paths,
    _stage,
    _systemctl,
    _takeover,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._apart import Account, Job
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import gid_of
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._host._takeover import Wanted
from ansible_collections.stalk.celery.plugins.module_utils._plan import (
    _files,
    _log_directories,
    _log_rotation,
    _services,
    _units,
    _verdict,
    _writes,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan import _handover as _ways
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import HostFacts, Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import SWITCH, Taken, described
from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import Trial, unit_text

_RESULTS = ("changing", "differing", "unsettled", "running", "settled", "orphans", "taken", "tried")
_PATIENCE = 300
_MARGIN = 60


def check(module: AnsibleModule) -> dict[str, Any]:
    """Return what the module returns. Raises ValueError for options that contradict themselves."""
    files = _arguments.files(module.params["files"], module.params["_texts"] or "[]")
    services = _arguments.services(module.params["services"])
    systemd = Systemd(module.run_command, _PATIENCE)
    problems = host_problems(systemd)
    if problems:
        return {"problems": problems, **{key: [] for key in _RESULTS}}
    running = running_units(systemd, [service.unit for service in services])
    found = _disk.read_paths(file.path for file in files)
    around = host_facts(services)
    missing = {service: _services.missing(service, around[service]) for service in services}
    directories = _arguments.directories(module.params["directories"])
    foreign = _disk.foreign_units(systemd, files, found)
    others = [file for file in files if file.path not in foreign]
    problems = [
        *foreign.values(),
        *_files.problems(others, found, _disk.exposed(file.path for file in others)),
        *_log_directories.problems(_disk.grounds(directories)),
        *_log_rotation.problems(files, _log_rotation.DIRECTORY, _disk.foreign_texts(_log_rotation.DIRECTORY)),
        *_services.group_by_message({one: _services.account_problems(one, around[one]) for one in services}),
    ]
    plan = _files.plan(files, found)
    changing = (*plan.restart, *(service.unit for service in services if service.unit not in running))
    starting = {service.environment for service in services if service.started and service.unit in changing}
    leading = {service: found.real_directory for service, found in around.items()}
    besides = _neighbours.find(systemd, _neighbours.planned(leading, files))
    wanted_here = _takeover.wanted(services, files)
    under_way = {name: _archive.unfinished(name) for name in wanted_here}
    # What a run that was interrupted has told to stop may still be stopping.
    besides = [one for one in besides if one.kind != "multi" or not under_way.get(one.environment)]
    ours = own_to_be(module, besides, wanted_here, under_way)
    problems += beside_starting([one for one in besides if one not in ours], starting, module)
    taken, obstacles = _takeover.look(systemd, ours, wanted_here, under_way)
    problems += obstacles
    renamed = _files.renamed(files, found)
    gone = orphans(module, files)
    problems += _files.closed_problems(_disk.closed([*(file.path for file in (*plan.write, *plan.adjust)), *gone]))
    absent = [] if problems else [item.path for item in directories if not _paths.exists(item.path)]
    result = {
        "changing": changed_environments(plan, gone, module.params["kinds"] or tuple(KINDS)),
        "differing": sorted({*absent, *(file.path for file in (*plan.write, *plan.adjust))}),
        "unsettled": unsettled(systemd, _arguments.requests(module.params["units"])),
        "running": running,
        "settled": [unit for unit in running if unit not in renamed],
        "taken": list(map(described, taken)),
        "orphans": running_units(systemd, [os.path.basename(path) for path in gone if path.endswith(".service")]),
    }
    if module.check_mode:
        for text in _services.group_by_message(missing):
            module.warn(text)
        return {"problems": problems, **result, "tried": []}
    units = {*plan.restart, *(running if module.params["everything"] else ())}
    for text in cramped(systemd, [unit for unit in running if unit in units and unit not in plan.cold]):
        module.warn(text)
    wanted = [service for service in services if service.tried and not missing[service] and service.unit in units]
    trials = [trial(service, files) for service in wanted]
    troubles, tried = try_out(module, trials, json.loads(module.params["_script"] or "{}"))
    problems += [*_services.group_by_message(missing), *_services.group_by_message(troubles)]
    return {"problems": problems, **result, "tried": tried}


def own_to_be(
    module: AnsibleModule,
    besides: Sequence[Foreign],
    wanted: Mapping[str, Wanted],
    under_way: Mapping[str, Sequence[Taken]],
) -> list[Foreign]:
    """Return the foreign processes that this run takes over. What a run that died began goes on without being asked."""
    return [
        beside
        for beside in besides
        if (module.params["takeover"] or under_way.get(beside.environment))
        and beside.environment in wanted
        and not module.params["everything"]
        and not (beside.is_harmless and beside.kind not in wanted[beside.environment].kinds)
    ]


def beside_starting(besides: Iterable[Foreign], starting: Container[str], module: AnsibleModule) -> Iterator[str]:
    """Yield why nothing can start beside foreign processes, and warn of those beside which nothing starts."""
    for beside in besides:
        if beside.is_harmless or beside.environment not in starting or module.params["everything"]:
            module.warn(str(beside))
        else:
            hint = f" Or let this run take it over: {SWITCH}." if beside.may_be_taken_over else ""
            yield f"{beside}{hint}"


def running_units(systemd: Systemd, names: Sequence[str]) -> list[str]:
    """Return those of the units ``names`` that run."""
    return [unit.name for unit in systemd.show(names).values() if unit.is_running]


def cramped(systemd: Systemd, names: Sequence[str]) -> list[str]:
    """Return which of the units ``names`` have no room for a second process, and what that means."""
    units = systemd.show(names, (*_systemctl.PROPERTIES, *_ways.PROPERTIES))
    wants = _handover.wants_of_memory([unit for unit in units.values() if unit.can_hand_over])
    return [f"{name} is going to be restarted instead of handed over: {why}." for name, why in wants.items()]


def orphans(module: AnsibleModule, files: Sequence[_files.File]) -> dict[str, _files.Found]:
    """Return the files that the collection wrote once and that are not wanted any more."""
    paths = {file.path for file in files}
    directories = [*module.params["search"], *map(os.path.dirname, paths)]
    return _disk.read_paths(_disk.orphans(directories, module.params["marker_prefixes"], paths))


def changed_environments(
    plan: _files.Plan, gone: Mapping[str, _files.Found], kinds: Collection[str] = tuple(KINDS)
) -> list[str]:
    """Return the environments whose files of ``kinds`` ``plan`` changes, and of those that have to be ``gone``."""
    changed = [item.content for item in (*plan.write, *plan.adjust)]
    markers = [_files.marker(content) or "" for content in (*changed, *(file.content for file in gone.values()))]
    parts = [marker.split("/") for marker in markers]
    return sorted({part[0] for part in parts if part[1] in kinds or part[1] not in KINDS})


def unsettled(systemd: Systemd, requests: Sequence[_units.Request]) -> list[str]:
    """Return the units that the module units would act on."""
    names = [request.name for request in requests]
    plan = _units.plan(requests, (), (), systemd.show(names), _disk.change_times(names), {})
    return sorted({*plan.enable, *plan.disable, *plan.stop, *plan.start, *plan.restart})


def host_problems(systemd: Systemd) -> list[str]:
    """Return why no service can run on this host."""
    runs_systemd = _paths.is_directory(_stage.TRANSIENT_UNITS)
    return _services.host_problems(os.geteuid(), runs_systemd, systemd.version() if runs_systemd else "")


def host_facts(services: Sequence[Service]) -> dict[Service, HostFacts]:
    """Return what ``services`` find on this host, each as its user, who has to be able to use it."""
    uids = {service: uid_of(service.user) for service in services}
    looked = _apart.look_all({service: _job(service, is_new=uids[service] is None) for service in services})
    return {service: _facts(service, uids[service], looked[service]) for service in services}


def uid_of(user: str) -> int | None:
    """Return the number of ``user``, None if there is none yet."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user).pw_uid
    return None


def is_there(directory: str) -> bool:
    """Return whether there is ``directory``, or something that this user may not look at: the trial tells of that."""
    try:
        return stat.S_ISDIR(os.stat(directory).st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def _job(service: Service, is_new: bool) -> Job:
    def look(_found: None) -> dict[str, Any]:
        return {
            "has_directory": is_there(service.directory),
            "real_directory": os.path.realpath(service.directory),
            "has_celery": os.access(_interpreter.celery(service.virtualenv), os.X_OK),
            "celery_problems": _interpreter.problems(service.virtualenv, service.variable),
            "write_problems": [write_problem(service, path, is_new) for path in service.write_paths],
        }

    return Job(Account("" if is_new else service.user, service.group), look)


def _facts(service: Service, uid: int | None, looked: dict[str, Any] | None) -> HostFacts:
    if looked is None:
        late = f"its directories do not answer within {_apart.SECONDS:g} s: {service.directory}, {service.virtualenv}."
        return HostFacts(uid, has_directory=True, has_celery=True, file_problems=(late,))
    of_env_files = (_env_files.problem(service, path) for path in service.env_files)
    return HostFacts(
        uid=uid,
        has_directory=looked["has_directory"],
        has_celery=looked["has_celery"],
        real_directory=looked["real_directory"],
        celery_problems=tuple(looked["celery_problems"]),
        file_problems=tuple(filter(None, (*looked["write_problems"], *of_env_files))),
    )


def write_problem(service: Service, path: str, is_new: bool) -> str:
    """Return why ``service`` could not write to ``path``; of a user that does not exist yet nobody can tell."""
    is_writable = is_new or _as_user.look(service.user, service.group, ())(path).is_writable
    return _services.write_problem(service, path, os.path.realpath(path), os.path.isdir(path), is_writable)


def trial(service: Service, files: Sequence[_files.File]) -> Trial:
    """Return the trial of ``service`` with its new ``files``."""
    own = Trial(
        service=service,
        directory=os.path.join(_disk.STAMPS, "try", service.unit),
        files=tuple(file for file in files if file.unit == service.unit),
        accounts=accounts(service),
        drop_ins=tuple(_drop_ins.find(service.unit, _drop_ins.roots())),
    )
    return replace(own, others=tuple(readable(own.env_files)))


def readable(paths: Sequence[str]) -> Iterator[str]:
    """Yield the texts of those of the files that can be read."""
    for path in paths:
        with contextlib.suppress(OSError):
            yield _paths.read(path).decode("utf-8", "replace")


def try_out(
    module: AnsibleModule, trials: Sequence[Trial], program: Mapping[str, str]
) -> tuple[dict[Service, list[str]], list[str]]:
    """Carry out ``trials``; returns the problems of each service and the units that were run."""
    systemd = Systemd(module.run_command, max([_PATIENCE, *(trial.start_timeout + _MARGIN for trial in trials)]))
    rejected = _stage.verify(systemd, {trial.service.unit: unit_text(trial.service, trial.files) for trial in trials})
    able = [trial for trial in trials if trial.service.unit not in rejected]
    outcomes = _stage.carry_out(systemd, [trial for trial in able if trial.unit], program)
    failures: dict[str, list[str]] = {}
    for trial in able:
        unit = trial.service.unit
        failures[unit] = _verdict.failure(trial, outcomes[unit]) if unit in outcomes else []
        for text in warnings(trial, outcomes[unit]) if unit in outcomes else _verdict.not_tried(trial):
            module.warn(text)
    problems = {**rejected, **_verdict.grouped(failures)}
    return {trial.service: problems.get(trial.service.unit, []) for trial in trials}, list(outcomes)


def warnings(trial: Trial, outcome: _verdict.Outcome) -> list[str]:
    """Return what ``trial`` warns of."""
    groups = " ".join(trial.all("SupplementaryGroups")).split()
    look = _as_user.look(trial.service.user, trial.service.group, groups)
    return [*_verdict.warnings(trial, outcome.output), *_writes.warnings(trial, outcome.output, look)]


def accounts(service: Service) -> tuple[str, ...]:
    """Return those of ``User`` and ``Group`` of ``service`` that exist."""
    wanted = (("User", pwd.getpwnam, service.user), ("Group", gid_of, service.group))
    return tuple(key for key, lookup, name in wanted if _disk.is_known(lookup, name))


def main() -> None:
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "files": _arguments.FILES,
            "directories": _arguments.DIRECTORIES,
            "_texts": _arguments.TEXTS,
            "_script": {"type": "str", "no_log": True},
            "marker_prefixes": {"type": "list", "elements": "str", "default": []},
            "search": {"type": "list", "elements": "str", "default": []},
            "everything": {"type": "bool", "default": False},
            "takeover": {"type": "bool", "default": False},
            "kinds": {"type": "list", "elements": "str"},
            "units": _arguments.UNITS,
            "accounts": _arguments.ACCOUNTS,
            "services": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "unit": text,
                    "environment": text,
                    "name": text,
                    "user": text,
                    "group": text,
                    "directory": text,
                    "virtualenv": text,
                    "write_paths": {"type": "list", "elements": "str", "default": []},
                    "env_files": {"type": "list", "elements": "str", "default": []},
                    "try": {"type": "bool", "default": True},
                    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
                },
            },
        },
        supports_check_mode=True,
    )
    try:
        asked = module.params["accounts"]
        result = check(module) if asked is None else _account_lookup.look_up(asked)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
