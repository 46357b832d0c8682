# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for the Celery processes of this host that run beside the services of the collection, see _foreign."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import socket
from typing import Collection, Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _envfile
from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _celery_processes,
    _own_services,
    _setups_here,
    _systemctl,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _adoption, _foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Application, Foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import INIT, SUPERVISOR

_PROPERTIES = ("ExecStart", "FragmentPath", "WorkingDirectory")
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,240}\.service")


def find(systemd: Systemd, applications: Iterable[Application]) -> list[Foreign]:
    """Return the foreign processes that run one of ``applications``."""
    wanted = list(applications)
    if not wanted:
        return []
    processes = [process for process in _celery_processes.celery() if _foreign.kind_of(process.words)]
    ours = _own_services.units_by_name()
    return _foreign.find(processes, wanted, ours, configured(systemd, processes, ours))


def configured(systemd: Systemd, processes: Iterable[Process], ours: Collection[str]) -> dict[int, str]:
    """Return the directory in which root lets a process work, by its number, for those that are not of ``ours``.

    That is what its unit says if it is one for Celery, its program of Supervisor, or its script in /etc/init.d.
    """
    others = [process for process in processes if _foreign.system_unit(process) not in ours]
    if not others:
        return {}
    names = {_foreign.system_unit(process) for process in others}
    units = systemd.show(sorted(filter(_UNIT.fullmatch, names)), _PROPERTIES)
    directories = {
        name: unit["WorkingDirectory"].lstrip("!-")
        for name, unit in units.items()
        if "celery" in unit["ExecStart"].lower() and unit["FragmentPath"].startswith(_systemctl.UNIT_DIRECTORIES)
    }
    found = {process.pid: directories.get(_foreign.system_unit(process), "") for process in others}
    for setup, calls in _setups_here.Host(socket.gethostname(), lambda _line: None).setups(others, ours):
        if setup.manager in (SUPERVISOR, INIT) and setup.directory:
            kinds = [call.kind for call in calls]
            own = [process for process in others if _adoption.belongs(process, setup, kinds)]
            found.update({process.pid: os.path.normpath(setup.directory) for process in own})
    return found


def planned(services: Mapping[Service, str], files: Sequence[File]) -> list[Application]:
    """Return what ``services`` are to run with ``files``, each with the real path of its directory."""
    return [
        Application(
            environment=service.environment,
            uid=uid_of(service.user),
            directory=service.directory,
            current=current or service.directory,
            virtualenv=service.virtualenv,
            app=variables.get("CELERY_APP", ""),
            variables=variables,
        )
        for service, current in services.items()
        for variables in [variables_of(service.unit, files)]
    ]


def configured_here(services: Iterable[Owned]) -> list[Application]:
    """Return what ``services``, which are on this host, run."""
    return [
        Application(
            environment=service.environment,
            uid=uid_of(service.user),
            directory=service.directory,
            current=service.current or service.directory,
            virtualenv=service.virtualenv,
            app=service.app,
            variables=service.variables,
        )
        for service in services
    ]


def uid_of(user: str) -> int | None:
    """Return the id of ``user``, nothing if there is none yet."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user).pw_uid
    return None


def variables_of(unit: str, files: Sequence[File]) -> Mapping[str, str]:
    """Return the variables in the environment file of ``unit`` among ``files``."""
    for file in files:
        if file.unit == unit:
            variables = _envfile.parsed(file.content.decode("utf-8", "replace"))
            if "CELERY_APP" in variables:
                return variables
    return {}
