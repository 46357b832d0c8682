# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of somebody else's set-ups runs as which processes, and what runs without one. Decides; touches nothing.

A process belongs to a set-up by its control group, or, where its manager gives it none, by what it says of itself and
by its user: who can call a process as he likes is then no stranger to that set-up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _shell
from ansible_collections.stalk.celery.plugins.module_utils._plan import _calls, _foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._calls import Call, Context
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import INIT, NONE, SUPERVISOR, SYSTEMD, SetUp

_MOST_OF_A_USER = 50  # processes without a set-up that are looked at
_OF_MANAGERS = (
    *("_", "CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS", "EXEC_PID", "HOME", "INVOCATION_ID", "JOURNAL_STREAM"),
    *("HOSTNAME", "LANG", "LANGUAGE", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LOGNAME", "LS_COLORS"),
    *("MAIL", "MAINPID", "MANAGERPID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "NOTIFY_SOCKET", "OLDPWD"),
    *("PATH", "PIDFILE", "PS1", "PWD", "RUNTIME_DIRECTORY", "SHELL", "SHLVL", "STATE_DIRECTORY", "SYSTEMD_EXEC_PID"),
    *("TERM", "USER", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "WATCHDOG_PID", "WATCHDOG_USEC", "container"),
    "LOGS_DIRECTORY",
    *("CONFIGURATION_DIRECTORY", "CACHE_DIRECTORY", "SYSTEMD_LOG_LEVEL", "PREVLEVEL", "RUNLEVEL", "INIT_VERSION"),
)
_OF_MANAGERS_TOO = ("LC_", "SUDO_", "SSH_", "SUPERVISOR_", "XDG_", "_MP_FORK_", "CELERY_LOG_", "DEBUGINFOD_")


@dataclass(frozen=True)
class Service:
    """A worker, beat or Flower of a set-up, and the processes that are it."""

    setup: SetUp
    call: Call
    processes: tuple[Process, ...] = ()


def main_processes(processes: Iterable[Process], ours: Iterable[str]) -> list[Process]:
    """Return those that are no children of others, and not of ``ours``, the units of this collection."""
    family: set[int] = set()
    found = []
    for process in processes:
        unit = _foreign.system_unit(process)
        if unit in ours or unit.startswith((_foreign.TRIAL, "stalk-")):
            continue
        if process.parent not in family and started(process):
            found.append(process)
        if process.parent in family or found[-1:] == [process]:
            family.add(process.pid)
    return found


def started(process: Process) -> list[Call]:
    """Return what a process is; without a title, its own words tell."""
    words = process.words
    if words and words[0].startswith("[cel"):
        words = ("celery", *words[words.index("worker") :]) if "worker" in words else ("celery", "beat", *words[2:])
    try:
        return _calls.calls(words, Context(process.directory, process.user), lambda _path: "")
    except ValueError:
        return []


def services(
    setups: Sequence[tuple[SetUp, Sequence[Call]]], processes: Sequence[Process], host: str
) -> tuple[list[Service], list[str]]:
    """Return the services of ``setups``, those that only run, and lines about what was left out.

    :param processes: the main ones.
    """
    left = list(processes)
    found: list[Service] = []
    for setup, calls in setups:
        own = [process for process in left if belongs(process, setup, [call.kind for call in calls])]
        if not calls or any(call.is_open for call in calls):
            calls = [_completed(call, calls) for process in own for call in started(process)] or calls
        for call in calls:
            same = [process for process in own if len(calls) == 1 or _is_same(process, call, host)]
            found.append(Service(setup, call, tuple(same)))
            left = [process for process in left if process not in same]
    alone, lines = _alone(left)
    return [*found, *alone], lines


def belongs(process: Process, setup: SetUp, kinds: Sequence[str]) -> bool:
    """Return whether a process was started by a set-up, as far as that can be told."""
    unit = _foreign.system_unit(process)
    program = process.variables.get("SUPERVISOR_PROCESS_NAME", "")
    if setup.manager == SYSTEMD:
        return unit == setup.name and not program
    if setup.manager == SUPERVISOR:
        return program == setup.name and _is_of(process, setup.user or "root")
    is_init = unit == f"{setup.name}.service" or (not unit and process.parent == 1 and _is_of(process, setup.user))
    return setup.manager == INIT and is_init and (not kinds or any(call.kind in kinds for call in started(process)))


def _is_of(process: Process, user: str) -> bool:
    """Return whether a process is a user's, who is written as a name or as a number."""
    return user in (process.user, str(process.uid))


def _completed(running: Call, calls: Sequence[Call]) -> Call:
    """Return what a process is, started as its set-up says, which knows what is in front of Celery."""
    same = next((call for call in calls if call.kind == running.kind), running)
    return replace(running, words=same.words if not any(map(_shell.is_open, same.words)) else running.words)


def _is_same(process: Process, call: Call, host: str) -> bool:
    return any(other.kind == call.kind and node_of(other, host) == node_of(call, host) for other in started(process))


def node_of(call: Call, host: str) -> str:
    """Return the node name of a worker as Celery makes it on ``host``."""
    written = call.option("--hostname")
    values = {"h": host, "n": host.partition(".")[0], "d": host.partition(".")[2], "%": "%"}
    whole = written if "@" in written else f"celery@{written or '%h'}"
    for code, value in values.items():
        whole = whole.replace(f"%{code}", value)
    return whole


def _alone(processes: Iterable[Process]) -> tuple[list[Service], list[str]]:
    """Return the services that no set-up has, and a line for each user who has too many."""
    by_user: dict[str, list[Process]] = {}
    for process in processes:
        by_user.setdefault(process.user, []).append(process)
    found = []
    for user, own in sorted(by_user.items()):
        for process in sorted(own, key=lambda one: one.words)[:_MOST_OF_A_USER]:
            manager = _foreign.manager_of(process)
            name = manager.unit or (manager.text if "Supervisor" in manager.text else "")
            setup = SetUp(NONE, name, "", " ".join(process.words), process.words, user, directory=process.directory)
            found += [Service(setup, call, (process,)) for call in started(process)]
    return found, [
        f"user {user} has {len(own)} Celery processes that no set-up starts; only {_MOST_OF_A_USER} are here"
        for user, own in sorted(by_user.items())
        if len(own) > _MOST_OF_A_USER
    ]


def variables_of(service: Service) -> Mapping[str, str]:
    """Return the variables of a service: those of its set-up and command, and those that only its processes have."""
    written = {**service.setup.variables, **service.call.context.variables}
    running = {
        name: value
        for process in service.processes
        for name, value in process.variables.items()
        if name not in _OF_MANAGERS and not name.startswith(_OF_MANAGERS_TOO)
    }
    for name in open_variables(service):
        written.pop(name)
    return {**running, **{name: value for name, value in written.items() if name not in ("HOME", "USER", "LOGNAME")}}


def open_variables(service: Service) -> dict[str, str]:
    """Return the variables that a script sets to what only a shell can tell."""
    given = service.setup.variables
    own = service.call.context.variables.items()
    return {name: value for name, value in own if given.get(name) != value and _shell.is_open(value)}


def settings_of(service: Service) -> list[tuple[str, str]]:
    """Return what the manager of a service does, and what its command does that is no option of Celery."""
    call, known = service.call, {name for process in service.processes for name in process.variables}
    nice = [("Nice", call.context.nice)] if call.context.nice else []
    untold = [f"{name}={value}" for name, value in open_variables(service).items() if name not in known]
    untold += [" ".join(filter(None, option)) for option in call.options if _shell.is_open(option[1])]
    return [*service.setup.settings, *nice, *(("", text) for text in untold)]


def options_of(service: Service) -> list[tuple[str, str]]:
    """Return the options of Celery, without those that only a shell can tell."""
    return [option for option in service.call.options if not _shell.is_open(option[1])]
