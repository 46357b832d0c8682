# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for the Celery processes of this host that run beside the services of the collection, see _foreign."""

from __future__ import annotations

import contextlib
import pwd
import re
from typing import Collection, Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _envfile
from ansible_collections.stalk.celery.plugins.module_utils._host import _celery_processes, _own_services, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Application, Foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service

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


def configured(systemd: Systemd, processes: Iterable[Process], ours: Collection[str]) -> dict[str, str]:
    """Return the directory in which root lets each of the units of ``processes`` work, if it is a unit for Celery."""
    found = {_foreign.system_unit(process) for process in processes}
    units = systemd.show(sorted(unit for unit in found if _UNIT.fullmatch(unit) and unit not in ours), _PROPERTIES)
    return {
        name: unit["WorkingDirectory"].lstrip("!-")
        for name, unit in units.items()
        if "celery" in unit["ExecStart"].lower() and unit["FragmentPath"].startswith(_systemctl.UNIT_DIRECTORIES)
    }


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
