# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the foreign services that are taken over, stops each through its own manager, and brings it back.

What is run is what root has set up: the names come from the managers and their files, none from a process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass, replace
from typing import Any, Collection, Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _apart,
    _bounded,
    _celery_processes,
    _disk,
    _neighbours,
    _own_services,
    _paths,
    _processes,
    _setups_here,
    _state_files,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._apart import Account, Job
from ansible_collections.stalk.celery.plugins.module_utils._host._paths import Label
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import (
    _adoption,
    _foreign,
    _owned,
    _setups_init,
    _takeover,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan._adoption import Service as Theirs
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, Directory, File
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import INIT, SUPERVISOR
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import Beat, Taken

_RUNLEVEL = "/etc/rc3.d"
_PROPERTIES = ("ActiveState", "DropInPaths", "EnvironmentFiles", "FragmentPath", "LoadState", "UnitFileState")
_ENABLED = ("enabled", "enabled-runtime", "linked", "linked-runtime", "alias")
_UP = ("active", "activating", "deactivating", "reloading")
_NOGROUP = 65534
_PATIENCE = 30  # seconds for an answer of Supervisor
_PAUSE = 0.1  # seconds between looks at what ends


class TakeoverError(ValueError):
    """A foreign service cannot be taken over or brought back; the text is why."""


@dataclass(frozen=True)
class Wanted:
    """What an environment is to have on this host: the kinds of its services, and its beat.

    ``alone`` are the nodes of workers that are not handed over: they may be locks, and none of their name runs beside.
    """

    kinds: Collection[str]
    beat: Beat | None
    alone: Collection[str] = ()


def wanted(services: Iterable[Service], files: Sequence[File]) -> dict[str, Wanted]:
    """Return what each environment is to have, by the variables in the ``files`` of its ``services``."""
    kinds: dict[str, set[str]] = {}
    beats: dict[str, Beat] = {}
    alone: dict[str, set[str]] = {}
    for service in (service for service in services if service.started):
        variables = _neighbours.variables_of(service.unit, files)
        here = [name for name, kind in KINDS.items() if f"{kind.prefix}_OPTS" in variables]
        kinds.setdefault(service.environment, set()).update(here)
        if "worker" in here and not _hands_over(service.unit, files):
            node = _owned.node_name(variables.get("CELERYD_NODES", ""), socket.gethostname())
            alone.setdefault(service.environment, set()).add(node)
        if "beat" in here:
            schedule = _owned.option(variables["CELERYBEAT_OPTS"], "--schedule", "-s")
            beats[service.environment] = Beat(schedule, service.user, service.group)
    return {name: Wanted(found, beats.get(name), alone.get(name, set())) for name, found in kinds.items()}


def _hands_over(unit: str, files: Iterable[File]) -> bool:
    return any(file.unit == unit and b"CELERYD_HANDOVER=" in file.content for file in files)


def look(
    systemd: Systemd, found: Iterable[Foreign], wanted: Mapping[str, Wanted], under_way: Mapping[str, Sequence[Taken]]
) -> tuple[list[Taken], list[str]]:
    """Return the services that a run takes over, and a sentence for each process that it cannot take over.

    :param found: the foreign processes that it is to take over.
    :param under_way: what a run that has died began to take over, which knows how it was before.
    """
    finder = Finder(systemd, list(found), wanted)
    begun = [gone for own_begun in under_way.values() for gone in own_begun]
    known = {(gone.environment, gone.manager, gone.name) for gone in begun}
    others = [one for one in finder.taken() if (one.environment, one.manager, one.name) not in known]
    return [*begun, *others], finder.problems


def services() -> list[Theirs]:
    """Return all foreign services of this host with what started them."""
    host = socket.gethostname()
    ours = _own_services.units_by_name()
    processes = _adoption.main_processes(_celery_processes.celery(), ours)
    setups = _setups_here.Host(host, lambda _line: None).setups(processes, ours)
    return _adoption.services(setups, processes, host)[0]


class Finder:
    """Makes of foreign processes the services that are taken over, and says why one cannot be."""

    def __init__(self, systemd: Systemd, found: Sequence[Foreign], wanted: Mapping[str, Wanted]) -> None:
        self._systemd = systemd
        self._found = found
        self._wanted = wanted
        self._services = services() if found else []
        self.problems: list[str] = []

    def taken(self) -> list[Taken]:
        """Return the services, each once; ``problems`` has a line for each process that is none."""
        groups: dict[tuple[str, str, str], list[tuple[Foreign, Theirs]]] = {}
        for foreign in self._found:
            own_kinds = self._wanted[foreign.environment].kinds
            obstacle = _takeover.obstacle(foreign, self._services, self._found, own_kinds)
            service = _takeover.set_up_of(foreign, self._services)
            if obstacle or service is None:
                self.problems.append(f"{foreign} It cannot be taken over: {obstacle}.")
            else:
                key = (foreign.environment, service.setup.manager, service.setup.name)
                groups.setdefault(key, []).append((foreign, service))
        return [taken for found in groups.values() for taken in self._of_group(found)]

    def _of_group(self, found: Sequence[tuple[Foreign, Theirs]]) -> list[Taken]:
        foreign, service = found[0]
        process, setup = foreign.process, service.setup
        try:
            control, handle = self._manager(process, service)
        except TakeoverError as error:
            self.problems.append(f"{foreign} It cannot be taken over: {error}.")
            return []
        unit = self._systemd.show([handle], _PROPERTIES)[handle] if not control else None
        is_enabled = unit is not None and unit["UnitFileState"] in _ENABLED
        paths = [setup.source]
        if setup.manager == INIT:
            is_enabled = any(name.startswith("S") and name[3:] == setup.name for name in _paths.names(_RUNLEVEL))
            paths = [f"{_setups_here.INIT}/{setup.name}", *_setups_init.defaults(setup.name)]
        elif setup.manager == SUPERVISOR:
            is_enabled = setup.is_enabled is not False
        elif unit is not None:
            paths += [*unit["DropInPaths"].split(), *_owned.env_files(unit)]
        beats = [(own, one) for own, one in found if "beat" in _takeover.kinds_of(own)]
        wanted = self._wanted[foreign.environment]
        gone = _takeover.taken(
            found,
            control,
            handle,
            is_enabled,
            [path for path in paths if _is_file(path)],
            _schedule(*beats[0]) if beats else "",
            wanted.beat if beats else None,
            socket.gethostname(),
        )
        return [replace(gone, is_serial=gone.is_serial or bool({*gone.nodes} & {*wanted.alone}))]

    @staticmethod
    def _manager(process: Process, service: Theirs) -> tuple[tuple[str, ...], str]:
        """Return the words that lead to the manager of a process, none for systemd, and what it calls it."""
        setup = service.setup
        if setup.manager == SUPERVISOR:
            control = _supervisorctl(process)
            handle = _takeover.handle_of(_said([*control, "status"]), process)
            if not handle:
                raise TakeoverError(f"Supervisor does not know its process {process.pid}")
            if not _is_file(setup.source) or not _takeover.program_of(_text(setup.source), handle):
                raise TakeoverError(f"{setup.source} is a link, or has no [program:…] for {handle}")
            return control, handle
        if setup.manager == INIT and not _foreign.system_unit(process):
            return (f"{_setups_here.INIT}/{setup.name}",), setup.name
        return (), f"{setup.name}.service" if setup.manager == INIT else setup.name


def _is_file(path: str) -> bool:
    with contextlib.suppress(OSError):
        found = _disk.look(path)
        return found is not None and found.kind == "file"
    return False


def _schedule(foreign: Foreign, service: Theirs) -> str:
    held: list[str] = []
    for process in _family(foreign.process):
        with contextlib.suppress(OSError):
            held += _celery_processes.written_files(process)
    account = Account(foreign.process.user)
    return _takeover.schedule_of(
        service,
        foreign.process.directory,
        held,
        lambda path: bool(_apart.look(Job(account, lambda _before: _state_files.is_berkeley(path)))),
    )


def _family(process: Process) -> list[int]:
    """Return a process and those of its children that run Celery, such as the beat within a worker."""
    return [process.pid, *(one.pid for one in _celery_processes.celery() if one.parent == process.pid)]


def _supervisorctl(process: Process) -> tuple[str, ...]:
    """Return the program that talks to the Supervisor that is the parent of ``process``, or the parent of that."""
    parent = _celery_processes.Parent(process.parent)
    for supervisor in (parent, _celery_processes.Parent(parent.parent)):
        script = next((word for word in supervisor.words if os.path.basename(word) == "supervisord"), "")
        if supervisor.is_roots and script.startswith("/"):
            program = os.path.join(os.path.dirname(script), "supervisorctl")
            named = _owned.option(supervisor.text, "--configuration", "-c")
            for path in filter(None, (program, named)):
                status = _paths.status(path)
                if status is None or status.st_uid != 0 or _disk.exposed([path]):
                    raise TakeoverError(f"{path} is not there, or others than root can change it")
            return (program, "-c", named) if named else (program,)
    raise TakeoverError("no Supervisor of root is the parent of its process")


def _said(command: Sequence[str]) -> str:
    try:
        return _bounded.run(command, _PATIENCE).output
    except OSError as error:
        raise TakeoverError(f"{command[0]} cannot be run: {error.strerror}") from error


def processes(gone: Taken) -> list[Process]:
    """Return the processes of a service that are there."""
    return [
        process
        for one in services()
        if (one.setup.manager, one.setup.name) == (gone.manager, gone.name)
        for process in one.processes
    ]


def pids_of_nodes(gone: Taken) -> dict[str, int]:
    """Return the process of each worker of a service that runs."""
    host = socket.gethostname()
    own = [(process, call) for process in processes(gone) for call in _adoption.started(process)]
    return {_adoption.node_of(call, host): process.pid for process, call in own if call.kind == "worker"}


def idle(taken: Collection[Taken]) -> list[Taken]:
    """Return those of the services that do not run."""
    running = {(one.setup.manager, one.setup.name) for one in services() if one.processes} if taken else set()
    return [one for one in taken if (one.manager, one.name) not in running]


def is_there(systemd: Systemd, gone: Taken) -> bool:
    """Return whether a service runs, or its unit is up all the same, as after a run that died while it stopped it."""
    is_up = gone.is_unit and systemd.show([gone.handle], _PROPERTIES)[gone.handle]["ActiveState"] in _UP
    return is_up or not idle([gone])


def put_back(gone: Taken, files: Iterable[File], label: Label) -> None:
    """Write those of the kept files of a service that are gone, and undo what has disabled it in a file.

    Raises TakeoverError where somebody else than root could bend the way.
    """
    for file in (file for file in files if file.path in gone.paths):
        text = _text(file.path) if _paths.exists(file.path) else None
        wanted = _takeover.returned(gone, file, text)
        if wanted != text:
            exposed = _disk.exposed([file.path])
            if exposed:
                raise TakeoverError(f"{file.path} cannot be written: {exposed[file.path]}")
            _disk.make_parents(file.path, label)
            _disk.replace(file.path, wanted.encode("utf-8", "surrogateescape"), file.attributes, label)


def is_enabled(systemd: Systemd, gone: Taken) -> bool:
    """Return whether a service starts at boot."""
    if gone.manager == SUPERVISOR:
        texts = [_text(path) for path in gone.paths if _paths.exists(path)]
        return any(_takeover.disabled(gone, text) != text for text in texts)
    if gone.manager == INIT:
        return any(name.startswith("S") and name[3:] == gone.name for name in _paths.names(_RUNLEVEL))
    return systemd.show([gone.handle], _PROPERTIES)[gone.handle]["UnitFileState"] in _ENABLED


def stop(systemd: Systemd, gone: Taken, seconds: float) -> None:
    """Stop a service through its own manager, with its own stop command. Raises TakeoverError if it does not end."""
    if gone.has_beat:
        _end_beat(systemd, gone, seconds)
    if gone.is_unit:
        is_over = systemd.jobs("stop", [gone.handle])
        failed = systemd.show([gone.handle], _PROPERTIES)[gone.handle]["ActiveState"] == "failed"
        systemd.reset_failed([gone.handle] if failed else [])
    else:
        is_over = not _carried_out(gone, "stop", seconds)
    left = processes(gone)
    if left or not is_over:
        pids = ", ".join(str(process.pid) for process in left)
        raise TakeoverError(f"{gone} does not stop{f', its process {pids} is there' if left else ''}; run this again.")


def _end_beat(systemd: Systemd, gone: Taken, seconds: float) -> None:
    """Let a beat end that would get two signals when its service is stopped.

    In the middle of writing the schedule file, the second one makes it close the file half-way, and what it has sent is
    lost. systemd signals all processes of a unit, and once more what is left when the main one has gone: a shell that
    has started beat, as in the unit of Celery's documentation, dies at once. A worker signals the beat within it.
    """
    own = processes(gone)
    if gone.has_worker:
        beats = {pid: one.uid for one in own for pid in _family(one)[1:] if _writes(pid, gone.schedule)}
    else:
        main = int(systemd.show([gone.handle], ("MainPID",))[gone.handle]["MainPID"]) if gone.is_unit else 0
        beats = {one.pid: one.uid for one in own if main and main not in [one.pid for one in own]}
        if beats:
            systemd.kill(gone.handle, "SIGSTOP", "main")  # so that it does not end with beat, and start once more
    for pid, uid in beats.items():
        _processes.send(uid, _NOGROUP, signal.SIGTERM, [pid])
    until = time.monotonic() + seconds
    while {*beats} & {process.pid for process in _celery_processes.celery()} and time.monotonic() < until:
        time.sleep(_PAUSE)


def _writes(pid: int, path: str) -> bool:
    """Return whether a process has a schedule file open, whose directory may be a link."""
    names = {os.path.basename(path) + suffix for suffix in _takeover.SUFFIXES}
    with contextlib.suppress(OSError):
        return not names.isdisjoint(map(os.path.basename, _celery_processes.written_files(pid)))
    return False


def start(systemd: Systemd, gone: Taken, seconds: float) -> None:
    """Start a service through its own manager. Raises TakeoverError if it does not come up."""
    if gone.is_unit:
        systemd.jobs("restart", [gone.handle])  # its unit may be up without a process, see is_there
        state = systemd.show([gone.handle], _PROPERTIES)[gone.handle]["ActiveState"]
        wrong = "" if state == "active" else f"its unit is {state}: journalctl -u {gone.handle}"
    else:
        wrong = _carried_out(gone, "start", seconds)
    if wrong:
        raise TakeoverError(f"{gone} does not start: {wrong}")


def _carried_out(gone: Taken, verb: str, seconds: float) -> str:
    """Run a command of a manager that is not systemd; returns what it said if it failed."""
    words = [verb, gone.handle] if gone.manager == SUPERVISOR else [verb]
    try:
        said = _bounded.run([*gone.control, *words], seconds, into=_bounded.Tail())
    except OSError as error:
        raise TakeoverError(f"{gone}: {gone.control[0]} cannot be run: {error.strerror}") from error
    wrong = said.fault or said.code or "ERROR" in said.output
    return (said.output + said.errors).strip() or "no word of it" if wrong else ""


def disable(systemd: Systemd, gone: Taken, label: Label) -> None:
    """Let a service not start at boot. Raises TakeoverError if it does all the same."""
    if gone.manager == SUPERVISOR:
        for path in gone.paths:
            text = _text(path)
            if text != _takeover.disabled(gone, text):
                _write(path, _takeover.disabled(gone, text).encode("utf-8", "surrogateescape"), label)
    else:
        systemd.disable([f"{gone.name}.service" if gone.manager == INIT else gone.handle])
    if is_enabled(systemd, gone):
        raise TakeoverError(f"{gone} still starts at boot: disable it, and run this again.")


def enable(systemd: Systemd, gone: Taken) -> None:
    """Let a service start at boot again; Supervisor's file says it already."""
    if gone.is_enabled and gone.manager != SUPERVISOR:
        systemd.enable([f"{gone.name}.service" if gone.manager == INIT else gone.handle])


def _text(path: str) -> str:
    return _paths.read_linked(path).decode("utf-8", "surrogateescape")


def _write(path: str, content: bytes, label: Label) -> None:
    found = _disk.look(path)
    exposed = _disk.exposed([path])
    if found is None or found.kind != "file" or exposed:
        raise TakeoverError(exposed.get(path, f"{path} is no file any more"))
    _disk.replace(path, content, found.attributes, label)


def carry(source: str, user: str, target: str, account: Account) -> bool:
    """Copy a schedule file, read as its ``user`` and written as ``account``; False if there is none.

    Raises TakeoverError if it cannot be read or written.
    """
    found = _apart.look(Job(Account(user), lambda _before: _state_files.schedule(source)))
    if found is None:
        raise TakeoverError(f"the schedule file {source} of beat cannot be read by {user}; make it readable")
    if not found:
        return False
    written = _apart.look(Job(account, lambda _before: _state_files.write_schedule(target, found)))
    if not written:
        raise TakeoverError(f"{account.user} cannot write the schedule file {target}")
    return True


def state_directory(path: str, account: Account) -> None:
    """Make the directory that StateDirectory= would make, as it would."""
    _disk.make_directory(Directory(path, Attributes(account.user, account.group, 0o750)), _disk.without_label)


def hold(path: str, account: Account, is_held: bool) -> Any:
    """Make or remove the file by which a worker leaves remote control to another one; returns whether it differed."""
    return _apart.look(Job(account, lambda _before: _state_files.hold(path, is_held)))
