# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left on a host of environments that are removed: directories, jobs and users, and what runs as these."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Callable, Container, Iterable, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import _archive, _paths, _processes
from ansible_collections.stalk.celery.plugins.module_utils._host._processes import Process
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan._accounts import User

CRONTABS = ("/var/spool/cron/crontabs", "/var/spool/cron")
AT_JOBS = ("/var/spool/cron/atjobs", "/var/spool/at")
LINGER = "/var/lib/systemd/linger"
_SHADOW = "/etc/shadow"
_NO_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
_LIBRARY = "/usr/local/lib/celery-{}"
_DATA = ("/var/log/celery-{}", "/var/lib/celery-{}")
_MOST_SHOWN = 5
_PATIENCE = 20  # seconds until processes that are killed have to be gone
_TREE = 300  # seconds for a directory


@dataclass(frozen=True)
class Leftovers:
    """What is to go. ``users`` are those whom the collection made, with their jobs; they are kept and locked."""

    directories: tuple[str, ...]
    users: tuple[User, ...]
    jobs: tuple[str, ...]
    open_users: tuple[User, ...]


def names_here(names: Iterable[str], made: Sequence[User]) -> list[str]:
    """Return those of the environments ``names`` of which the collection has something on this host."""
    return [
        name
        for name in names
        if any(user.maker == name for user in made) or _archive.exists(name) or _archive.own_files(name)
    ]


def find(names: Sequence[str], local: Sequence[User], in_use: Container[str], everything: bool) -> Leftovers:
    """Return what is left of the environments ``names``, with ``everything`` data and users too, but not ``in_use``."""
    users = [user for user in local if everything and user.maker in names and user.name not in in_use]
    patterns = (_LIBRARY, *(_DATA if everything else ()))
    paths = (pattern.format(name) for name in names for pattern in patterns)
    return Leftovers(
        directories=tuple(path for path in paths if _paths.exists(path)),
        users=tuple(users),
        jobs=tuple(job for user in users for job in _jobs(user)),
        open_users=tuple(user for user in users if not _is_locked(user)),
    )


def running(user: User, spared: Container[str]) -> list[Process]:
    """Return what runs as ``user``, but in the units ``spared``."""
    return [process for process in _processes.of_user(user.uid) if process.unit not in spared]


def told(user: User, processes: Sequence[Process]) -> str:
    """Return what runs as ``user``, in one line."""
    others = len(processes) - _MOST_SHOWN
    shown = ", ".join(map(str, processes[:_MOST_SHOWN])) + (f" and {others} more" if others > 0 else "")
    return f"{user.maker}: the user {user.name} still runs {shown}"


def lock(user: User, run: Callable[[Sequence[str]], None]) -> None:
    """Let nobody be ``user`` any more, and nobody else get its number."""
    shell = next((path for path in _NO_SHELLS if _paths.exists(path)), _NO_SHELLS[-1])
    run(["usermod", "--lock", "--shell", shell, user.name])


def forget(jobs: Iterable[str], run: Callable[[Sequence[str]], None]) -> None:
    """Remove what would be started for users later: by cron, by at, or by systemd at boot."""
    for path in jobs:
        directory, name = os.path.split(path)
        if directory in CRONTABS:
            run(["crontab", "-u", name, "-r"])
        elif directory == LINGER:
            run(["loginctl", "disable-linger", name])
        else:
            _paths.unlink(path)


def end(user: User, spared: Container[str], systemd: Systemd, run: Callable[[Sequence[str]], object]) -> list[Process]:
    """End what runs as ``user``: its sessions, units that run as this user, and every process; returns what is left."""
    processes = running(user, spared)
    if any(process.unit.endswith(".scope") or process.unit.startswith("user@") for process in processes):
        run(["loginctl", "terminate-user", user.name])
    systemd.jobs("stop", _own_units(processes, systemd))
    return _processes.end(user.uid, user.gid, lambda: running(user, spared), _PATIENCE)


def remove(path: str) -> str:
    """Remove a directory with all that is in it, or the link that an administrator put in its place.

    Returns why it cannot be removed, nothing if it was.
    """
    try:
        status = _paths.status(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            _paths.remove_tree(path, _TREE)
        elif status is not None:
            _paths.unlink(path)
    except OSError as error:
        return f"{path} cannot be removed: {error}"
    return ""


def _own_units(processes: Sequence[Process], systemd: Systemd) -> list[str]:
    """Return the services whose main process is one of ``processes``, unlike cron's."""
    pids = {str(process.pid) for process in processes}
    names = {process.unit for process in processes if process.unit.endswith(".service")}
    units = systemd.show(sorted(names), ("Id", "MainPID")) if names else {}
    return [name for name, unit in units.items() if unit["MainPID"] in pids]


def _jobs(user: User) -> list[str]:
    named = [os.path.join(directory, user.name) for directory in (*CRONTABS, LINGER)]
    by_number = [os.path.join(directory, name) for directory in AT_JOBS for name in _paths.names(directory)]
    owners = {path: _paths.status(path) for path in by_number}
    return [path for path in named if _is_file(path)] + [
        path for path, status in owners.items() if status and status.st_uid == user.uid
    ]


def _is_file(path: str) -> bool:
    status = _paths.status(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def _is_locked(user: User) -> bool:
    fields = (line.split(":") for line in _paths.read(_SHADOW).decode("utf-8", "replace").splitlines())
    password = next((field[1] for field in fields if field[0] == user.name and len(field) > 1), "!")
    return password.startswith(("!", "*")) and user.shell in _NO_SHELLS
