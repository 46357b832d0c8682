#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: purge
short_description: Remove what is left of environments on a host
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Removes directories of environments whose services and files M(stalk.celery.units) removed.
  - With O(purge=true) nothing is left that a later environment would inherit. The logs and the state go, and the
    crontab and the jobs of C(at) of the users whom the collection made. The users themselves stay, locked and without
    a shell, so that nobody gets their numbers, and with these what they left elsewhere, as a set-user-ID file.
  - Does not touch environments of which the collection has nothing on the host, nor users whom somebody else made.
  - No link is followed.
attributes:
  check_mode:
    description: Changes nothing, and tells what it would remove and which processes it would end.
    support: full
  diff_mode:
    description: Shows what goes.
    support: full
options:
  environments:
    description: Names of the environments.
    type: list
    elements: str
    required: true
  purge:
    description: Whether to remove logs and state as well, and to lock the users.
    type: bool
    default: false
  force:
    description: Whether to end what still runs as these users. Otherwise the module fails before its first change.
    type: bool
    default: false
  in_use:
    description: Users of other environments of the host. They stay as they are.
    type: list
    elements: str
    default: []
  leaving:
    description: Units that are about to be stopped. What they run does not count.
    type: list
    elements: str
    default: []
  seen:
    description: Whether an earlier call returned O(environments) as RV(environments). By now nothing may tell any more.
    type: bool
    default: false
seealso:
  - module: stalk.celery.generations
  - module: stalk.celery.units
"""

EXAMPLES = r"""
---
- name: Remove what is left of uat
  stalk.celery.purge:
    environments: [uat]
    purge: true
"""

RETURN = r"""
problems:
  description: What still runs, and would have to be ended. Without O(force) the module fails, but for check mode.
  returned: success
  type: list
  elements: str
  sample: ["uat: the user uat still runs 812 (sleep 600, started by cron.service). End it, or say ..."]
environments:
  description: Those of O(environments) of which the collection has something on the host.
  returned: success
  type: list
  elements: str
  sample: [uat]
removed:
  description: Paths that were removed.
  returned: success
  type: list
  elements: str
  sample: [/var/log/celery-uat, /var/spool/cron/crontabs/uat]
ended:
  description: Processes that were ended.
  returned: success
  type: list
  elements: str
  sample: ["812 (sleep 600, started by cron.service)"]
locked:
  description: Users who were locked.
  returned: success
  type: list
  elements: str
  sample: [uat]
"""

import re
from typing import Any, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _leftovers
from ansible_collections.stalk.celery.plugins.module_utils._host._leftovers import Leftovers
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import Nss
from ansible_collections.stalk.celery.plugins.module_utils._host._processes import Process
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan._accounts import User
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import diff

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_OURS = ("broker", "service")  # whose files are no environment's
_ADVICE = "End them, or say 'celery_remove_force: true', which ends them."
_PATIENCE = 60


class Purge:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._systemd = Systemd(module.run_command, _PATIENCE)
        names = module.params["environments"]
        for name in names:
            if not _NAME.fullmatch(name) or name in _OURS:
                raise ValueError(f"{name!r} is not an environment; write names as celery_environments has them.")
        local = Nss().local()
        self._names = names if module.params["seen"] else _leftovers.names_here(names, local)
        self._left = _leftovers.find(self._names, local, module.params["in_use"], module.params["purge"])
        # The broker of an environment's own runs as its user, and stays with what is in it.
        self._spared = [*module.params["leaving"], *(f"redis-celery-{name}.service" for name in self._names)]

    def run(self) -> dict[str, Any]:
        """Return what the module returns. Raises ValueError before the first change if there must be none."""
        running = {user: _leftovers.running(user, self._spared) for user in self._left.users}
        texts = [f"{_leftovers.told(user, found)}. {_ADVICE}" for user, found in running.items() if found]
        problems = [] if self._module.params["force"] else texts
        if not self._module.check_mode:
            if problems:
                raise ValueError("\n".join(problems))
            self._change(running)
        return {**_described(self._left, running), "problems": problems, "environments": self._names}

    def _change(self, running: dict[User, list[Process]]) -> None:
        for user in self._left.open_users:
            _leftovers.lock(user, self._must)
        _leftovers.forget(self._left.jobs, self._must)
        failures = [*map(self._end, running), *map(_leftovers.remove, self._left.directories)]
        if any(failures):
            raise ValueError("\n".join(filter(None, failures)))

    def _end(self, user: User) -> str:
        """End what runs as ``user``; returns why it does not end."""
        found = _leftovers.end(user, self._spared, self._systemd, self._try)
        return f"{_leftovers.told(user, found)}: they come again, stop what starts them." if found else ""

    def _must(self, command: Sequence[str]) -> None:
        self._module.run_command(["timeout", str(_PATIENCE), *command], check_rc=True)

    def _try(self, command: Sequence[str]) -> object:
        """Run what makes it gentler; whether the processes have ended is looked at afterwards."""
        return self._module.run_command(["timeout", str(_PATIENCE), *command])


def _described(left: Leftovers, running: dict[User, list[Process]]) -> dict[str, Any]:
    removed = [*left.jobs, *left.directories]
    ended = [str(process) for found in running.values() for process in found]
    locked = [user.name for user in left.open_users]
    shown = [
        *(diff(path, "there\n", "") for path in removed),
        *(diff(f"process {process}", "runs\n", "") for process in ended),
        *(diff(f"user {name}", "", "locked\n") for name in locked),
    ]
    return {"changed": bool(shown), "removed": removed, "ended": ended, "locked": locked, "diff": shown}


def main() -> None:
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "environments": {"type": "list", "elements": "str", "required": True},
            "purge": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "in_use": names,
            "leaving": names,
            "seen": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = Purge(module).run()
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        del result["diff"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
