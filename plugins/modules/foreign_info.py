#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: foreign_info
short_description: The Celery services of a host that are not of this collection
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Finds the workers, beats and Flowers that run on a host or are set up there by something else. It reads the list of
    processes, the units of systemd with their drop-ins and instances, the configuration of Supervisor with what it
    includes, the scripts in C(/etc/init.d), and the files from which these have their variables.
  - Role P(stalk.celery.celery_adopt#role) makes an inventory of what it returns.
  - Needs root (C(become)). What users can change is read as these users read it, and no link of theirs is followed.
  - Without O(secrets) no value that is or may be a secret leaves the host.
extends_documentation_fragment:
  - stalk.celery.read_only
options:
  secrets:
    description:
      - Whether to return the values of secrets too. Set C(no_log) on the task then.
    type: bool
    default: false
seealso:
  - module: stalk.celery.adopt
  - module: stalk.celery.service_facts
"""

EXAMPLES = r"""
---
- name: Look for Celery
  stalk.celery.foreign_info:
  register: found
"""

RETURN = r"""
hostname:
  description: The name by which Celery on this host knows it.
  returned: success
  type: str
  sample: app1
lines:
  description: What could not be read, or was left out, a sentence for each.
  returned: success
  type: list
  elements: str
  sample: ["celery.service: its EnvironmentFile=/etc/conf.d/celery does not exist"]
services:
  description: The services, sorted by their manager and name.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: One of V(worker), V(beat) and V(flower).
      type: str
      sample: worker
    manager:
      description: One of V(systemd), V(supervisor) and V(init), or empty for a process that none of these has started.
      type: str
      sample: systemd
    name:
      description: The unit, the program or the script.
      type: str
      sample: celery.service
    source:
      description: The file that says so.
      type: str
      sample: /etc/systemd/system/celery.service
    text:
      description: The line with the command, without secrets.
      type: str
      sample: ExecStart=/srv/edc/.venv/bin/celery -A edc worker -c 4
    is_alone:
      description: Whether nothing else is started by the same line.
      type: bool
      sample: true
    command:
      description: The words in front of Celery's own arguments, where they are more than C(celery).
      type: list
      elements: str
      sample: [newrelic-admin, run-program, celery]
    virtualenv:
      description: The directory whose C(bin) has the program; empty if nothing tells.
      type: str
      sample: /srv/edc/.venv
    options:
      description: The options of Celery with their values, each as a list of two.
      type: list
      elements: list
      sample: [["--concurrency", "4"]]
    user:
      description: The user who runs it.
      type: str
      sample: live
    group:
      description: The group that it is given, empty for that of the user.
      type: str
      sample: webapps
    directory:
      description: The directory in which it works.
      type: str
      sample: /srv/edc
    variables:
      description: Its variables. C(value) of a secret is what may be known of it, or all of it with O(secrets).
      type: dict
      sample: {CELERY_BROKER_URL: {value: "redis://live:********@broker1/1", secret: true}}
    settings:
      description: What its manager does else, each as a list of key and value, without secrets.
      type: list
      elements: list
      sample: [["TimeoutStopSec", "600"]]
    sourced:
      description: The files that a shell reads before it starts Celery.
      type: list
      elements: str
      sample: [/etc/profile]
    write_paths:
      description: Directories in which its processes hold files open for writing, and those of its user in the project.
      type: list
      elements: str
      sample: [/srv/edc/media]
    nice:
      description: The priority of its process.
      type: int
      sample: 0
    running:
      description: Whether there is a process of it.
      type: bool
      sample: true
    enabled:
      description: Whether it is started at boot.
      type: bool
      sample: true
"""

import contextlib
import grp
import os
import pwd
import re
import socket
from typing import Any, Iterable, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._formats import _secret_values, _strangers
from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _celery_processes,
    _own_services,
    _paths,
    _setups_here,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._setups_here import Host
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _adoption, _foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._adoption import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import INIT, SUPERVISOR, SYSTEMD
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

_PATIENCE = 60
_PROPERTIES = ("LoadState", "UnitFileState")
_ENABLED = ("enabled", "enabled-runtime", "linked", "linked-runtime", "alias", "generated")
_TEXT = 500  # characters of a line
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ELSEWHERE = ("/dev/", "/proc/", "/run/", "/sys/", "/tmp/", "/var/run/", "/var/tmp/", "/var/log/", "/anon_hugepage")
_OF_ALL = ("/", "/tmp", "/var/tmp")
_OF_CELERY = re.compile(r"celerybeat-schedule.*|.*\.(?:pid|db|log|sock)(?:-wal|-shm|\.dat|\.dir|\.bak)?")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*")
_RUNLEVEL = "/etc/rc3.d"


class Found:
    """What there is on this host, and lines about what is not right."""

    def __init__(self, systemd: Systemd, secrets: bool) -> None:
        self.secrets = secrets
        self.lines: list[str] = []
        self.host = socket.gethostname()
        ours = _own_services.units_by_name()
        processes = _adoption.main_processes(_celery_processes.celery(), ours)
        setups = Host(self.host, self.say).setups(processes, ours)
        found, lines = _adoption.services(setups, processes, self.host)
        self.lines += lines
        self.units = self._states(systemd, found)
        self.boots = _paths.names(_RUNLEVEL)
        self.services = [self._described(service, found) for service in found]

    def say(self, line: str) -> None:
        self.lines.append(_strangers.text(line, _TEXT))

    def _states(self, systemd: Systemd, services: Iterable[Service]) -> dict[str, Unit]:
        names = {service.setup.name for service in services if service.setup.manager == SYSTEMD}
        try:
            return systemd.show(sorted(names), _PROPERTIES)
        except SystemdError as error:
            self.say(f"systemd does not tell the state of the units: {error}")
            return {}

    def _described(self, service: Service, others: Iterable[Service]) -> dict[str, Any]:
        """Return a service as plain data."""
        setup, call = service.setup, service.call
        user = call.context.user or setup.user or (service.processes[0].user if service.processes else "root")
        directory = call.context.directory or (service.processes[0].directory if service.processes else "/")
        variables = self._variables(service)
        virtualenv, command = _program(service, directory)
        return {
            "kind": call.kind,
            "manager": setup.manager,
            "name": _strangers.text(setup.name),
            "source": setup.source,
            "text": self._shown(setup.text, variables),
            "is_alone": sum(other.setup == setup for other in others) == 1,
            "command": [self._shown(word, variables) for word in command],
            "virtualenv": virtualenv,
            "options": [[name, self._shown(value, variables)] for name, value in _adoption.options_of(service)],
            "user": user,
            "group": _group(user, setup.group or call.option("--gid")),
            "directory": directory,
            "variables": {name: self._value(name, value) for name, value in sorted(variables.items())},
            "settings": [[key, self._shown(value, variables)] for key, value in _adoption.settings_of(service)],
            "sourced": list(call.context.sourced),
            "write_paths": self._write_paths(service, directory, user),
            "nice": self._nice(service),
            "running": bool(service.processes),
            "enabled": self._is_enabled(service),
        }

    def _shown(self, text: str, variables: Mapping[str, str]) -> str:
        words = [_secret_values.shown(word, variables) for word in text.split()]
        return _foreign.shown(words, variables, _TEXT)

    def _variables(self, service: Service) -> dict[str, str]:
        found = {}
        for name, value in _adoption.variables_of(service).items():
            if not _VARIABLE.fullmatch(name):
                self.say(f"{service.setup.name}: its variable {name!r} can be no variable of a unit and is left out")
            elif "\ufffd" in value:
                self.say(f"{service.setup.name}: its variable {name} is not valid UTF-8 and is left out")
            else:
                found[name] = value
        return found

    def _value(self, name: str, value: str) -> dict[str, Any]:
        if not _secret_values.is_secret(name, value):
            return {"value": value, "secret": False}
        return {"value": value if self.secrets else _secret_values.redacted(name, value), "secret": True}

    def _write_paths(self, service: Service, directory: str, user: str) -> list[str]:
        found = {
            os.path.dirname(path)
            for process in service.processes
            for path in self._open_files(service, process)
            if not path.startswith(_ELSEWHERE) and not _OF_CELERY.fullmatch(os.path.basename(path))
        }
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(user)
            found |= set(_setups_here.data_directories(directory, entry.pw_uid) if directory not in _OF_ALL else ())
            found = {path for path in found if _setups_here.is_writable(path, entry.pw_uid, entry.pw_gid)}
        return [path for path in sorted(found) if not any(path.startswith(f"{other}/") for other in found)]

    def _open_files(self, service: Service, process: Process) -> list[str]:
        try:
            return _celery_processes.written_files(process.pid)
        except OSError:
            self.say(f"{service.setup.name or service.call.kind}: a process of it ended while it was looked at")
            return []

    def _nice(self, service: Service) -> int:
        with contextlib.suppress(OSError):
            return _celery_processes.nice(service.processes[0].pid) if service.processes else 0
        return 0

    def _is_enabled(self, service: Service) -> bool:
        setup = service.setup
        if setup.manager == SYSTEMD:
            return setup.name in self.units and self.units[setup.name]["UnitFileState"] in _ENABLED
        if setup.manager == INIT:
            return any(name.startswith("S") and name[3:] == setup.name for name in self.boots)
        return setup.manager == SUPERVISOR and setup.is_enabled is not False


def _group(user: str, group: str) -> str:
    """Return the group that a service is given beside its user's own, empty where it is that."""
    with contextlib.suppress(KeyError, ValueError):
        name = grp.getgrgid(int(group)).gr_name if group.isdigit() else group
        return "" if name == grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name else name
    return "" if group == user else group


def _program(service: Service, directory: str) -> tuple[str, list[str]]:
    """Return the virtual environment of a service, and the words that run Celery if these are more than ``celery``."""
    words = list(service.call.words)
    path = service.setup.variables.get("PATH") or service.call.context.variables.get("PATH") or _PATH
    running = [word for process in service.processes[:1] for word in _interpreter(process)]
    at = next((index for index, word in enumerate(words) if os.path.basename(word) in ("celery", "flower")), 0)
    ways = [word for word in (*words[at : at + 1], *words[:at]) if "/" in word or _PYTHON.fullmatch(word)]
    first = next(iter([*ways, *words[at : at + 1]]), "")
    sourced = [os.path.join(directory, file) for file in service.call.context.sourced if file.endswith("/bin/activate")]
    program = os.path.normpath(os.path.join(directory, first)) if "/" in first else ""
    program = program or next(iter([*running, *sourced]), "") or _setups_here.program_on_path(first, path)
    virtualenv = os.path.dirname(os.path.dirname(program)) if os.path.dirname(program).endswith("/bin") else ""
    is_plain = len(words) == 1 or (_PYTHON.fullmatch(os.path.basename(words[0])) and words[1] in ("-m", words[-1]))
    return virtualenv, [] if is_plain else [program if program and word == first else word for word in words]


def _interpreter(process: Process) -> list[str]:
    """Return the programs in the command line of a process, with their directories."""
    return [word for word in process.words[:2] if word.startswith("/") and "/bin/" in word]


def main() -> None:
    module = AnsibleModule(argument_spec={"secrets": {"type": "bool", "default": False}}, supports_check_mode=True)
    try:
        found = Found(Systemd(module.run_command, _PATIENCE), module.params["secrets"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    key = ("manager", "name", "kind", "text")
    module.exit_json(
        changed=False,
        hostname=found.host,
        lines=sorted(set(found.lines)),
        services=sorted(found.services, key=lambda service: [service[name] for name in key]),
    )


if __name__ == "__main__":
    main()
