# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which foreign services of an environment are taken over, and how each of them stops. Decides; touches nothing."""

from __future__ import annotations

import configparser
import contextlib
import os
import re
from dataclasses import asdict, dataclass
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._plan import _adoption, _concurrency
from ansible_collections.stalk.celery.plugins.module_utils._plan._adoption import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Foreign
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import INIT, NONE, SUPERVISOR

SWITCH = "-e celery_adopt_takeover=true"
SUFFIXES = ("", ".db", ".dat", ".bak", ".dir", ".pag", "-wal")  # of the files that Python's dbm makes of one name
HOLD = ".wait"  # as in celery_overlap: while it is there, a worker leaves remote control to the one that has its name
NO_AUTOSTART = "autostart=false\n"
_BERKELEY = ".db"
_SCHEDULE = "celerybeat-schedule"
_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_AUTOSTART = re.compile(r"\s*autostart\s*[=:]")
_STATUS = re.compile(r"(?m)^(\S+)\s+RUNNING\s+pid (\d+),")


@dataclass(frozen=True)
class Taken:
    """A foreign service that is taken over.

    :param name: its unit, program or script.
    :param kinds: what it runs of worker, beat and flower.
    :param control: the words that lead to its manager, empty for systemd.
    :param handle: what its manager calls it.
    :param nodes: its workers, as Celery names them.
    :param queues: those that the command lines of its workers name.
    :param is_serial: whether none of its tasks may run beside one of another worker.
    :param is_enabled: whether it starts at boot.
    :param paths: its files.
    :param schedule: the file in which its beat keeps what it has sent.
    :param user: whose file that is.
    :param own_schedule: the same of this collection's beat.
    :param own_user: whose file that is, and ``own_group`` its group.
    """

    environment: str
    manager: str
    name: str
    kinds: tuple[str, ...]
    control: tuple[str, ...]
    handle: str
    nodes: tuple[str, ...]
    queues: tuple[str, ...]
    is_serial: bool
    is_enabled: bool
    paths: tuple[str, ...]
    schedule: str
    user: str
    own_schedule: str
    own_user: str
    own_group: str

    def __str__(self) -> str:
        return f"{self.environment}: {named(self.manager, self.name)}"

    @property
    def has_worker(self) -> bool:
        return "worker" in self.kinds

    @property
    def has_beat(self) -> bool:
        return "beat" in self.kinds

    @property
    def is_unit(self) -> bool:
        """Whether systemd has started it, perhaps by a script in /etc/init.d."""
        return not self.control

    def goes_before(self, kinds: Iterable[str]) -> bool:
        """Return whether it has to be gone before services of ``kinds`` start.

        A worker goes after the new ones have started, unless it is serial. One with beat goes with the workers.
        """
        return self.is_serial and "worker" in kinds if self.has_worker else bool({*self.kinds} & {*kinds})

    def goes_after(self, kinds: Iterable[str]) -> bool:
        """Return whether it goes when services of ``kinds`` are ready."""
        return self.has_worker and not self.is_serial and "worker" in kinds


@dataclass(frozen=True)
class Beat:
    """The beat that an environment is to have on this host, as far as its schedule file goes."""

    schedule: str
    user: str
    group: str


def named(manager: str, name: str) -> str:
    """Return what people call a foreign service."""
    titles = {SUPERVISOR: "Supervisor's program ", INIT: "/etc/init.d/"}
    return f"{titles.get(manager, '')}{name}"


def described(taken: Taken) -> dict[str, Any]:
    """Return a service that is taken over as plain data."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(taken).items()}


def parsed(item: Mapping[str, Any]) -> Taken:
    """Return what ``described`` has made plain. Raises ValueError for what is something else."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}
    try:
        return Taken(**values)
    except TypeError as error:
        raise ValueError(f"this is no service that is taken over: {error}") from error


def set_up_of(foreign: Foreign, services: Iterable[Service]) -> Service | None:
    """Return the service of a set-up that a foreign process is, or nothing if nobody set it up."""
    pid = foreign.process.pid
    own = (one for one in services if any(process.pid == pid for process in one.processes))
    return next((one for one in own if one.setup.manager != NONE), None)


def obstacle(foreign: Foreign, services: Sequence[Service], others: Iterable[Foreign], kinds: Iterable[str]) -> str:
    """Why a foreign process cannot be taken over, empty if it can.

    :param services: all foreign services of the host.
    :param others: all foreign processes of environments.
    :param kinds: the kinds of services that the environment is to have on this host.
    """
    service = set_up_of(foreign, services)
    if service is None:
        return "no unit, program of Supervisor or script in /etc/init.d starts it"
    if foreign.kind == "multi":
        return "it is about to start workers; wait until they run"
    wanted = {*kinds}
    name = named(service.setup.manager, service.setup.name)
    missing = [kind for kind in kinds_of(foreign) if kind not in wanted]
    if missing:
        return (
            f"the inventory has no {missing[0]} of {foreign.environment} on this host; let it run here first, "
            "and somewhere else with a later run"
        )
    own = {other.process.pid for other in others if other.environment == foreign.environment}
    beside = [
        process
        for one in services
        if (one.setup.manager, one.setup.name) == (service.setup.manager, service.setup.name)
        for process in one.processes
        if process.pid not in own
    ]
    if beside:
        return f"{name} runs process {beside[0].pid} too, which is not of {foreign.environment}"
    return ""


def kinds_of(foreign: Foreign) -> list[str]:
    """Return what a foreign process runs of worker, beat and flower."""
    return foreign.kind.split(" with ")


def taken(
    found: Sequence[tuple[Foreign, Service]],
    control: tuple[str, ...],
    handle: str,
    enabled: bool,
    paths: Iterable[str],
    schedule: str,
    beat: Beat | None,
    host: str,
) -> Taken:
    """Return the service that the processes of one set-up are.

    :param found: these processes, of one environment.
    """
    foreign, service = found[0]
    workers = [(own, one) for own, one in found if "worker" in kinds_of(own)]
    return Taken(
        environment=foreign.environment,
        manager=service.setup.manager,
        name=service.setup.name,
        kinds=tuple(sorted({kind for own, _one in found for kind in kinds_of(own)})),
        control=control,
        handle=handle,
        nodes=tuple(_node(own.process, one, host) for own, one in workers),
        queues=tuple(sorted({queue for _own, one in workers for queue in _queues(one)})),
        is_serial=any(_is_serial(one) for _own, one in workers),
        is_enabled=enabled,
        paths=tuple(paths),
        schedule=schedule if beat else "",
        user=foreign.process.user,
        own_schedule=beat.schedule if beat else "",
        own_user=beat.user if beat else "",
        own_group=beat.group if beat else "",
    )


def _node(process: Process, service: Service, host: str) -> str:
    """Return the name of a worker: that of its process, where the shell has put in what a set-up leaves open."""
    running = [call for call in _adoption.started(process) if call.kind == "worker"]
    return _adoption.node_of((running or [service.call])[0], host)


def _queues(service: Service) -> list[str]:
    return [queue for queue in service.call.option("--queues").split(",") if queue]


def _is_serial(service: Service) -> bool:
    """Return whether a worker has room for one task, so that somebody may use it as a lock; its command line tells."""
    call = service.call
    return _concurrency.is_one(*map(call.option, ("--concurrency", "--autoscale", "--pool")))


def schedule_of(service: Service, directory: str, is_open: Iterable[str], is_berkeley: Callable[[str], bool]) -> str:
    """Return the schedule file of a beat, by the name that it has for Python's dbm.

    :param directory: in which its process works.
    :param is_open: the files that it has open for writing.
    :param is_berkeley: whether an open file is one of Berkeley DB, whose name is longer by ``.db``.
    """
    named_so = service.call.option("--schedule")
    found = sorted(path for path in is_open if "schedule" in os.path.basename(path))
    if not named_so and found:
        path = found[0]
        return path if path.endswith(_BERKELEY) and not is_berkeley(path) else _without_suffix(path)
    return os.path.normpath(os.path.join(directory, named_so or _SCHEDULE))


def _without_suffix(path: str) -> str:
    return next((path[: -len(suffix)] for suffix in SUFFIXES if suffix and path.endswith(suffix)), path)


def missing_queues(theirs: Iterable[str], ours: Iterable[Sequence[str]]) -> list[str]:
    """Return the queues of ``theirs`` that no worker of ``ours`` names; one that names none has those of the app."""
    known = [tuple(queues) for queues in ours]
    return [] if () in known else sorted({*theirs} - {queue for queues in known for queue in queues})


def handle_of(status: str, process: Process) -> str:
    """Return what Supervisor calls the program that a process is, or is a child of; empty if it is none of its own.

    :param status: what ``supervisorctl status`` says, which no program has a say in.
    """
    return next((name for name, pid in _STATUS.findall(status) if int(pid) in (process.pid, process.parent)), "")


def autostart_of(text: str, program: str) -> str:
    """Return the line of a configuration of Supervisor that says whether a program starts at boot, empty without."""
    own = [line for line, is_inside, _is_header in _lines(text, program) if is_inside and _AUTOSTART.match(line)]
    return own[-1] if own else ""


def with_autostart(text: str, program: str, autostart: str) -> str:
    """Return the configuration with another such line, or without if it is empty; nothing else differs."""
    has_one = bool(autostart_of(text, program))
    result = []
    for line, is_inside, is_header in _lines(text, program):
        is_such = is_inside and _AUTOSTART.match(line)
        result.append(autostart if is_such else line)
        if is_inside and is_header and autostart and not has_one:
            result[-1] = f"{line.rstrip()}\n"
            result.append(autostart)
    return "".join(result)


def _lines(text: str, program: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield each line, whether it is in the section of a program, and whether it begins a section."""
    is_inside = False
    for line in text.splitlines(keepends=True):
        section = _SECTION.match(line)
        is_inside = section[1].strip() == f"program:{program}" if section else is_inside
        yield line, is_inside, bool(section)


def program_of(text: str, handle: str) -> str:
    """Return the program that Supervisor calls ``handle``, perhaps with a group in front; empty if it is not there."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", " #"), strict=False)
    with contextlib.suppress(configparser.Error):
        parser.read_string(text)
    programs = [section.partition(":")[2] for section in parser.sections() if section.startswith("program:")]
    group, _colon, name = handle.rpartition(":")
    return next((program for program in (group, name) if program and program in programs), "")


def disabled(gone: Taken, text: str) -> str:
    """Return a configuration of Supervisor by which a service that it has does not start at boot."""
    program = program_of(text, gone.handle)
    return with_autostart(text, program, NO_AUTOSTART) if program else text


def returned(gone: Taken, kept: File, text: str | None) -> str:
    """Return what is to be at the path of a kept file: what is there now, but for what has disabled the service.

    :param text: what is there now, nothing if there is no file.
    """
    before = kept.content.decode("utf-8", "surrogateescape")
    if text is None:
        return before
    program = program_of(text, gone.handle) if gone.manager == SUPERVISOR else ""
    return with_autostart(text, program, autostart_of(before, program)) if program else text


def same_names(services: Iterable[Owned], gone: Iterable[Taken]) -> list[Owned]:
    """Return the workers of the collection that have the name of one that is taken over."""
    names = {(one.environment, node) for one in gone for node in one.nodes}
    return [service for service in services if (service.environment, service.node) in names]
