#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualenvs
short_description: Install Python packages into the virtual environments of a host
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Makes the virtual environments that do not exist, and installs their packages, for all O(environments) side by side.
  - Everything runs as the user of the environment, in a transient unit of systemd without a terminal, with C(uv) where
    the user has it and C(pip) otherwise. A unit ends with all its processes when it is done, after half an hour at the
    latest, or when it has neither written nor computed anything for three minutes.
  - An environment whose packages cannot be installed does not keep the others from it. It is in
    RV(failures).
  - A virtual environment whose making was interrupted is finished. One that works is never emptied.
attributes:
  check_mode:
    description: Asks the installer what it would do.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  environments:
    description: The environments whose packages to install.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the environment.
        type: str
        required: true
      user:
        description: The user who owns the virtual environment.
        type: str
        required: true
      home:
        description: The home of the user.
        type: str
        required: true
      virtualenv:
        description: Absolute path of the virtual environment.
        type: str
        required: true
      python:
        description: Interpreter that makes the virtual environment.
        type: str
        default: python3
      packages:
        description: Requirement specifiers, C(-r FILE) and C(-c FILE).
        type: list
        elements: str
        required: true
      units:
        description: The services that run from the virtual environment. Those that are older than its packages count
          as not up to date.
        type: list
        elements: str
        default: []
  put_off_after:
    description:
      - Seconds after which an installation is stopped and its environment returned in RV(put_off), for the sake of the
        others. By default each may take its time.
    type: int
    default: 0
  state:
    description: With V(checked) nothing is installed or made, and RV(problems) has what would be in the way.
    type: str
    choices: [checked, installed]
    default: installed
seealso:
  - module: stalk.celery.look
"""

EXAMPLES = r"""
---
- name: Install the packages of live
  stalk.celery.virtualenvs:
    environments:
      - name: live
        user: live
        home: /home/live
        virtualenv: /home/live/.venv
        packages: ["celery[redis]", -r /srv/live/requirements.txt]
        units: [celery-live-w1.service]
  register: virtualenvs
"""

RETURN = r"""
problems:
  description: What would be in the way, where it is set and what to write instead.
  returned: success
  type: list
  elements: str
  sample: []
upgraded:
  description: Environments whose virtual environment was made, or has other packages than before.
  returned: success
  type: list
  elements: str
  sample: [live]
changes:
  description: The distributions of each environment that are not as they were before.
  returned: success
  type: dict
  sample: {live: [celery-5.7.0]}
put_off:
  description: Environments whose installation took longer than O(put_off_after), to be finished by another call.
  returned: success
  type: list
  elements: str
  sample: []
done:
  description: Environments that have their packages.
  returned: success
  type: list
  elements: str
  sample: [live]
failures:
  description: The environments whose packages could not be installed, each with the reason.
  returned: success
  type: dict
  sample: {}
"""

import contextlib
import json
import os
import pwd
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import ShapeError, text
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk, _virtualenv_program
from ansible_collections.stalk.celery.plugins.module_utils._host._bounded import LATE
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _virtualenv
from ansible_collections.stalk.celery.plugins.module_utils._plan._virtualenv import Environment

LOOK = 90  # seconds
INSTALL = 1800
IDLE = 180
NOBODY = 65534  # stands for a user who does not exist yet
LOADER = (
    "import json, sys; document = json.load(sys.stdin); names = {'__name__': 'stalk_celery_virtualenv'}; "
    "exec(compile(document['program'], 'stalk.celery', 'exec'), names); names['main'](document['request'])"
)
Result = Dict[str, Any]


class LateError(ValueError):
    """The program did not end in time."""


class Installer:
    """Runs the program as the users of environments."""

    def __init__(self, module: AnsibleModule) -> None:
        self._put_off_after = module.params["put_off_after"]
        loader: Any = _virtualenv_program.__loader__
        self._program = loader.get_source(_virtualenv_program.__name__)
        self._python = os.path.realpath(sys.executable)
        self._systemd = Systemd(module.run_command, LOOK)
        self._is_dry = module.check_mode

    def ask(self, do: str, environment: Environment, seconds: float, **more: Any) -> Any:
        """Return what the program says. Raises ValueError where it does not answer, with why."""
        variables = _virtualenv.environ(environment, os.environ)
        request = _virtualenv.request(do, environment, variables, **more)
        options = [f"--uid={environment.user if environment.exists else NOBODY}", "--property=TimeoutStopSec=5"]
        document = json.dumps({"program": self._program, "request": request})
        said = self._systemd.run(seconds, options, [self._python, "-I", "-c", LOADER], document)
        if said.fault == LATE:
            raise LateError(f"took longer than {seconds:g} s and was ended")
        try:
            return _virtualenv.answer(do, said.output)
        except ShapeError:
            raise ValueError(f"ended with {said.code}: {text(said.errors.strip()[-1000:])}") from None

    def look(self, environment: Environment) -> list[str]:
        """Return what would be in the way. One that does not answer is no problem of the others."""
        try:
            return _problems(environment, self.ask("look", environment, LOOK))
        except ValueError:
            return []

    def install(self, environment: Environment) -> Result:
        """Make and install, and tell what changed or why not."""
        if self._is_dry and not environment.exists:
            return {"changes": ["a virtual environment"], "failure": ""}
        try:
            seen = self.ask("look", environment, LOOK)
        except ValueError as error:
            return {"changes": [], "failure": _virtualenv.failure(environment, str(error), "")}
        problems = _problems(environment, seen)
        if problems:
            return {"changes": [], "failure": " ".join(problems)}
        if self._is_dry and _virtualenv.must_be_made(seen):
            return {"changes": ["a virtual environment"], "failure": ""}
        return self._install(environment, seen)

    def _install(self, environment: Environment, seen: Mapping[str, Any]) -> Result:
        commands = {
            "create": _virtualenv.creation(environment, seen),
            "install": _virtualenv.installation(environment, seen, self._is_dry),
        }
        failure = ""
        is_put_off = False
        made = ["a virtual environment"] if commands["create"] else []
        try:
            seconds = self._put_off_after or INSTALL
            done = self.ask("install", environment, seconds, idle=IDLE, dry=self._is_dry, **commands)
            after, would = done["after"], done["would"] if self._is_dry else []
            if done["problem"]:
                failure = _virtualenv.failure(environment, done["problem"], done["said"])
        except ValueError as error:
            is_put_off = isinstance(error, LateError) and self._put_off_after > 0
            failure = "" if is_put_off else _virtualenv.failure(environment, str(error), "")
            after, would = self._listed(environment, seen), []
        changes = [*made, *_virtualenv.changes(seen["distributions"], after), *would]
        return {"changes": changes, "failure": failure, "is_put_off": is_put_off}

    def _listed(self, environment: Environment, seen: Mapping[str, Any]) -> Mapping[str, str]:
        found: Mapping[str, str] = seen["distributions"]
        with contextlib.suppress(ValueError):
            found = self.ask("list", environment, LOOK)
        return found


def _problems(environment: Environment, seen: Mapping[str, Any]) -> list[str]:
    has_apt = os.path.exists("/usr/bin/apt-get")
    return _virtualenv.problems(environment, seen, has_apt, os.path.isdir(environment.home))


def environment_of(params: Mapping[str, Any]) -> Environment:
    """Return the environment that a user of the module describes."""
    try:
        pwd.getpwnam(params["user"])
        exists = True
    except KeyError:
        exists = False
    names = ("name", "user", "home", "virtualenv", "python")
    return Environment(**{name: params[name] for name in names}, packages=tuple(params["packages"]), exists=exists)


def side_by_side(installer: Installer, environments: Sequence[Environment]) -> dict[str, Result]:
    """Install each, those that share a virtual environment one after the other; return what came of it, by name."""
    shared: dict[str, list[Environment]] = {}
    for environment in environments:
        shared.setdefault(environment.virtualenv, []).append(environment)
    with ThreadPoolExecutor(max_workers=len(shared)) as pool:
        of_each = pool.map(lambda group: {one.name: installer.install(one) for one in group}, shared.values())
        return {name: result for results in of_each for name, result in results.items()}


def checked(installer: Installer, environments: Sequence[Environment]) -> Result:
    """Return what the module returns that only looks."""
    with ThreadPoolExecutor(max_workers=len(environments)) as pool:
        problems = [problem for found in pool.map(installer.look, environments) for problem in found]
    return {"changed": False, "problems": problems, **summary({})}


def installed(installer: Installer, environments: Sequence[Environment], units: Mapping[str, Sequence[str]]) -> Result:
    """Return the module's result after an installation. Services that run from other packages count as changed."""
    results = side_by_side(installer, environments)
    changed = [name for name, result in results.items() if result["changes"]]
    if not installer._is_dry:
        for unit in (unit for name in changed for unit in units[name]):
            _disk.record_change(unit)
    return {"changed": bool(changed), "problems": [], **summary(results)}


def summary(results: Mapping[str, Result]) -> Result:
    """Return what the module returns about each environment."""
    failed = {name: result["failure"] for name, result in results.items() if result["failure"]}
    late = [name for name, result in results.items() if result.get("is_put_off")]
    return {
        "upgraded": [name for name, result in results.items() if result["changes"] and name not in {*failed, *late}],
        "changes": {name: result["changes"] for name, result in results.items() if result["changes"]},
        "put_off": late,
        "done": [name for name in results if name not in {*failed, *late}],
        "failures": failed,
    }


def main() -> None:
    required = {"type": "str", "required": True}
    texts = {"type": "list", "elements": "str"}
    module = AnsibleModule(
        argument_spec={
            "environments": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": required,
                    "user": required,
                    "home": required,
                    "virtualenv": required,
                    "python": {"type": "str", "default": "python3"},
                    "packages": {**texts, "required": True},
                    "units": {**texts, "default": []},
                },
            },
            "put_off_after": {"type": "int", "default": 0},
            "state": {"type": "str", "choices": ["checked", "installed"], "default": "installed"},
        },
        supports_check_mode=True,
    )
    given = module.params["environments"]
    for one in given:
        module.no_log_values.update(_virtualenv.passwords(one["packages"]))
    environments = [environment_of(one) for one in given]
    if not environments:
        module.exit_json(changed=False, problems=[], **summary({}))
    installer = Installer(module)
    try:
        if module.params["state"] == "checked":
            module.exit_json(**checked(installer, environments))
        module.exit_json(**installed(installer, environments, {one["name"]: one["units"] for one in given}))
    except OSError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
