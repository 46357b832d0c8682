# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Celery processes that run the application of an environment, and are not of its services. Decides; touches nothing.

Only a process of the environment's user, or of root, counts, or one that root let work in the environment's directory,
as another user: whoever else may call a process as he likes cannot stand in an environment's way.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from typing import Collection, Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import CENSORED, without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process

TRIAL = "stalk-try-"
_SUBCOMMANDS = ("worker", "beat", "flower", "multi")
_WITH_VALUE = ("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir")
_TITLES = {"[celeryd:": "worker", "[celery": "beat"}
_USUAL_NAMES = ("app", "application", "celery", "celery_app", "celeryapp")
_TELLING = re.compile(r"BROKER|SETTINGS|AMQP|REDIS|RABBIT")
_SECRET_OPTION = re.compile(r"(-b|(?i:--[a-z_-]*(?:broker|backend|auth|secret|key|pass|token)[a-z_-]*))(=.*)?")
_SHOWN = 160  # characters of a command line


@dataclass(frozen=True)
class Application:
    """What an environment runs: ``uid`` of its user is None if there is none yet.

    ``current`` is where ``directory`` leads to.
    """

    environment: str
    uid: int | None
    directory: str
    current: str
    virtualenv: str
    app: str
    variables: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class Manager:
    """What started a process and can stop it: a system unit, or none and ``text`` says what else."""

    unit: str
    text: str
    stop: str


@dataclass(frozen=True)
class Foreign:
    """A process that runs the application of an ``environment`` and is none of its services."""

    environment: str
    kind: str
    process: Process
    manager: Manager

    @property
    def is_harmless(self) -> bool:
        """Whether it takes no tasks from the services, and sends none twice."""
        return self.kind == "flower"

    @property
    def may_be_taken_over(self) -> bool:
        """Whether something has started it that starts it again, so that it can be taken over."""
        return bool(self.manager.unit) or "Supervisor" in self.manager.text

    def __str__(self) -> str:
        return (
            f"{self.environment}: a Celery {self.kind} that is not of this collection runs its application here: "
            f"{self.manager.text}, pid {self.process.pid}, user {_strangers.text(self.process.user)}, "
            f"{shown(self.process.words, self.process.variables)}. Stop it first, through its own manager: "
            f"{self.manager.stop}."
        )


def kind_of(words: Sequence[str]) -> str:
    """Return what a command line runs: a subcommand of Celery that goes on, or nothing."""
    if words and words[0] in _TITLES:
        return _TITLES[words[0]] if words[0] == "[celeryd:" or "beat]" in words[1:2] else ""
    for index, word in enumerate(words):
        if os.path.basename(word) in ("celery", "celery.__main__", "celery.exe"):
            return _subcommand(words[index + 1 :])
    return ""


def _subcommand(words: Sequence[str]) -> str:
    """Return the first of the words that is neither an option nor the value of one."""
    previous = ""
    for word in words:
        if not word.startswith("-") and previous not in _WITH_VALUE:
            return word if word in _SUBCOMMANDS else ""
        previous = word
    return ""


def has_beat(words: Sequence[str]) -> bool:
    """Return whether a worker has beat with it."""
    return "-B" in words or "--beat" in words


def app_of(process: Process) -> str:
    """Return the application that a process names, empty if it names none."""
    for word, following in zip(process.words, [*process.words[1:], ""]):
        if word in ("-A", "--app"):
            return following
        if word.startswith("--app="):
            return word.partition("=")[2]
        if word.startswith("-A") and not word.startswith("--"):
            return word[2:]
    return process.variables.get("APP", "")


def is_same_app(one: str, other: str) -> bool:
    """Return whether two names may lead Celery to the same application; it completes the usual ones by itself."""
    return not one or not other or _shortest(one) == _shortest(other)


def _shortest(app: str) -> list[str]:
    parts = app.replace(":", ".").split(".")
    while len(parts) > 1 and parts[-1] in _USUAL_NAMES:
        parts.pop()
    return parts


def runs(process: Process, application: Application, configured: str = "") -> bool:
    """Return whether a process runs an application; ``configured`` is where root let the process work."""
    is_own = process.uid == application.uid
    if is_own:
        is_there = _is_in(process, application) or _has_virtualenv(process, application)
    else:
        place = process.directory if process.uid == 0 else configured
        is_there = place in (application.directory, application.current)
    return is_there and is_same_app(app_of(process), application.app) and not _differs(process, application)


def _is_in(process: Process, application: Application) -> bool:
    """Return whether it works in the directory, or in an older release beside the one to which the directory leads."""
    current, own = application.current, process.directory
    is_link = current != application.directory
    return own == current or (is_link and os.path.dirname(own) == os.path.dirname(current))


def _has_virtualenv(process: Process, application: Application) -> bool:
    programs = os.path.join(application.virtualenv, "bin", "")
    return any(word.startswith(programs) for word in process.words) and process.uid != 0


def _differs(process: Process, application: Application) -> bool:
    """Return whether it has another broker or other settings, so that it is another environment of the same code."""
    return any(
        process.variables.get(name, value) != value
        for name, value in application.variables.items()
        if _TELLING.search(name)
    )


def manager_of(process: Process) -> Manager:
    """To what a process belongs, by its control group and by what Supervisor tells the programs that it starts."""
    parts = process.cgroup.split("/")
    kill = f"kill -TERM {process.pid}"
    unit = system_unit(process)
    program = process.variables.get("SUPERVISOR_PROCESS_NAME", "")
    if program:
        group = process.variables.get("SUPERVISOR_GROUP_NAME") or program
        name = _strangers.text(program if group == program else f"{group}:{program}", 100)
        return Manager(unit, f"Supervisor's program {name}", f"supervisorctl stop {shlex.quote(name)}")
    if unit:
        name = _strangers.text(unit, 100)
        return Manager(unit, name, f"systemctl disable --now {shlex.quote(name)}")
    for part in parts:
        if part.startswith(("session-", "user@")):
            own = _strangers.text(parts[-1], 100)
            return Manager("", f"{own} of a user's session", kill)
    return Manager("", "no service", kill)


def system_unit(process: Process) -> str:
    """Return the system's service to which a process belongs, empty for what a user's manager has started."""
    parts = process.cgroup.split("/")
    if any(part.startswith(("user@", "session-")) for part in parts):
        return ""
    return next((part for part in parts if part.endswith(".service")), "")


def shown(words: Sequence[str], variables: Mapping[str, str], most: int = _SHOWN) -> str:
    """Return a command line without secrets, fit to be shown."""
    censored = []
    is_value = False
    for word in words:
        found = _SECRET_OPTION.fullmatch(word)
        if found and found[2]:
            censored.append(f"{found[1]}={CENSORED}")
        else:
            censored.append(CENSORED if is_value else word)
        is_value = bool(found and not found[2])
    return _strangers.text(without_secrets(" ".join(censored), variables), most)


def find(
    processes: Iterable[Process],
    applications: Iterable[Application],
    ours: Collection[str],
    configured: Mapping[int, str],
) -> list[Foreign]:
    """Return the foreign ones among ``processes``, without the children of those that are named.

    :param ours: the units of the collection on this host.
    :param configured: the directory in which root lets a process work, by its number.
    """
    wanted = list(dict.fromkeys(applications))
    family: set[int] = set()
    found: list[Foreign] = []
    for process in processes:
        kind, unit = kind_of(process.words), system_unit(process)
        if process.parent in family:
            family.add(process.pid)
        elif kind and unit not in ours and not unit.startswith(TRIAL):
            text = f"{kind} with beat" if kind == "worker" and has_beat(process.words) else kind
            own = [application for application in wanted if runs(process, application, configured.get(process.pid, ""))]
            found += [Foreign(application.environment, text, process, manager_of(process)) for application in own[:1]]
            family.update(process.pid for _application in own)
    return [foreign for foreign in found if foreign.process.parent not in family]
