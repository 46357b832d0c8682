# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for what starts Celery on this host and is not of the collection, and changes nothing.

Files are read as root reads what is its own, and as their directory's owner otherwise; no link of a stranger is gone.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import stat
from typing import Callable, Iterable, Iterator

from ansible_collections.stalk.celery.plugins.module_utils._host import _drop_ins, _paths, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._plan import (
    _calls,
    _files,
    _foreign,
    _setups_init,
    _setups_supervisor,
    _setups_systemd,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan._calls import Call, Context
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import SetUp

Say = Callable[[str], None]

SUPERVISOR_FILES = ("/etc/supervisor/supervisord.conf", "/etc/supervisord.conf", "/usr/local/etc/supervisord.conf")
INIT = "/etc/init.d"
VARIABLES = ("/etc/default", "/etc/conf.d", "/etc/sysconfig")
_MENTIONS = re.compile(r"celery|flower", re.IGNORECASE)
_SUPERVISORD = re.compile(r"supervisord\b.*?(?:-c|--configuration)[ =]*(\S+)")
_LONGEST = 1 << 18  # bytes of a file
_SCRIPT = 1 << 14
_MOST_FILES = 1000
_USUAL = ("/bin", "/sbin", "/usr/")
_NOT_WRITTEN_BY_PEOPLE = ("generator", "transient")


class Host:
    """What this host has: its name, and where lines about what is wrong go."""

    def __init__(self, name: str, say: Say) -> None:
        self.name = name
        self.say = say
        self.read: set[str] = set()  # paths of files with variables that some set-up reads
        self.supervisors = list(SUPERVISOR_FILES)

    def setups(self, processes: Iterable[Process], ours: Iterable[str]) -> list[tuple[SetUp, list[Call]]]:
        """Return all set-ups with what they start, those of systemd first."""
        running = {_foreign.system_unit(process) for process in processes}
        units = self._units(running, set(ours))
        found = [*units, *self._programs(), *self._scripts()]
        planned = [(setup, self._calls(setup)) for setup in found]
        known = [one for one in planned if one[1] or one[0].name in running]
        for setup, _calls_of_it in [one for one in planned if one not in known]:
            if _MENTIONS.search(setup.name) or _MENTIONS.search(setup.text):
                self.say(f"{setup.name} ({setup.source}) names Celery, and what it starts cannot be told from there")
        self._files_that_nobody_reads()
        return known

    def _calls(self, setup: SetUp) -> list[Call]:
        context = Context(setup.directory, setup.user, setup.variables)
        try:
            return _calls.calls(setup.words, context, self._script)
        except ValueError as error:
            self.say(f"{setup.name} ({setup.source}) cannot work: {error}")
            return []

    def _units(self, running: Iterable[str], ours: set[str]) -> Iterator[SetUp]:
        fragments, names, with_drop_ins = _listed()
        for name in sorted({*names, *running} - ours):
            path = fragments.get(name) or fragments.get(re.sub("@.*", "@.service", name), "")
            text = self._text(path)
            if not text or _files.marker(text.encode()) is not None or name.startswith((_foreign.TRIAL, "stalk-")):
                continue
            self._note_supervisor(text)
            if name in running or _MENTIONS.search(name + text) or name in with_drop_ins:
                texts = [text, *_drop_in_texts(name)]
                if name in running or _MENTIONS.search(name + "".join(texts)):
                    yield from _setups_systemd.set_up(name, path, texts, self._variables, self.name, self.say)

    def _note_supervisor(self, text: str) -> None:
        named = _SUPERVISORD.search(text)
        if named and named[1] not in self.supervisors:
            self.supervisors.append(named[1])

    def _programs(self) -> Iterator[SetUp]:
        for main in self.supervisors:
            if _paths.exists(main):
                texts = _setups_supervisor.texts(main, self._matching, self.say)
                for setup in _setups_supervisor.set_ups(texts, self.name, self.say):
                    if _MENTIONS.search(" ".join((setup.name, *setup.words))):
                        yield setup

    def _matching(self, pattern: str) -> dict[str, str]:
        directory, wanted = os.path.split(pattern)
        with contextlib.suppress(OSError):
            names = fnmatch.filter(_paths.names(directory), wanted)[:_MOST_FILES]
            texts = {os.path.join(directory, name): self._text(os.path.join(directory, name)) for name in names}
            return {path: text for path, text in texts.items() if text}
        return {}

    def _scripts(self) -> Iterator[SetUp]:
        for name in _paths.names(INIT)[:_MOST_FILES]:
            script = self._text(os.path.join(INIT, name))
            native = any(_paths.exists(os.path.join(place, f"{name}.service")) for place in _of_people())
            if not native and _MENTIONS.search(name + script):
                paths = [path for path in _setups_init.defaults(name) if _paths.exists(path)]
                self.read.update(paths)
                yield from _setups_init.set_ups(name, script, {path: self._text(path) for path in paths})

    def _files_that_nobody_reads(self) -> None:
        for directory in VARIABLES:
            for name in _paths.names(directory)[:_MOST_FILES]:
                path = os.path.join(directory, name)
                if "celery" in name and path not in self.read:
                    text = self._text(path)
                    if text and _files.marker(text.encode()) is None:
                        self.say(f"{path} is read by no unit and no script that was found")

    def _variables(self, path: str) -> str:
        self.read.add(path)
        return _paths.read_linked(path, _LONGEST).decode("utf-8", "replace")

    def _script(self, path: str) -> str:
        with contextlib.suppress(OSError):
            return _paths.read_linked(path, _SCRIPT).decode("utf-8", "replace") if path.startswith("/") else ""
        return ""

    def _text(self, path: str) -> str:
        """Return the text of a file of an administrator, nothing of one that cannot be read, which a line tells."""
        if not path or _paths.target(path) == os.devnull:
            return ""
        try:
            return _paths.read_linked(path, _LONGEST).decode("utf-8", "replace")
        except OSError as error:
            if _MENTIONS.search(path):
                self.say(f"{path} cannot be read: {error.strerror}")
            return ""


def _drop_in_texts(name: str) -> list[str]:
    """Return the texts of the drop-ins of a unit, those of its template before its own."""
    template = re.sub("@.*", "@.service", name)
    found = [_drop_ins.find(unit, _drop_ins.roots()) for unit in dict.fromkeys((template, name))]
    return list({drop_in.path: drop_in.text for own in found for drop_in in own}.values())


def _of_people() -> list[str]:
    return [place for place in _systemctl.UNIT_DIRECTORIES if not any(word in place for word in _NOT_WRITTEN_BY_PEOPLE)]


def _listed() -> tuple[dict[str, str], set[str], set[str]]:
    """Return the files of units by name, the names of units and instances, and the names of those with drop-ins."""
    fragments: dict[str, str] = {}
    names: set[str] = set()
    with_drop_ins: set[str] = set()
    for place in _of_people():
        for name in _paths.names(place):
            path = os.path.join(place, name)
            if name.endswith(".service"):
                fragments.setdefault(name, path)
            elif name.endswith((".wants", ".requires")):
                names.update(one for one in _paths.names(path) if one.endswith(".service"))
            elif name.endswith(".service.d"):
                with_drop_ins.add(name[: -len(".d")])
    aliases = {
        name for name, path in fragments.items() if os.path.basename(_paths.target(path)) in fragments.keys() - {name}
    }
    return fragments, {*(name for name in fragments if "@." not in name), *names} - aliases, with_drop_ins


def data_directories(directory: str, uid: int) -> list[str]:
    """Return the directories of user ``uid`` in a project that have no code: what its tasks write to, if anything."""
    found = []
    with contextlib.suppress(OSError), _paths.open_directory(directory) as place:
        for name in sorted(place.names(_MOST_FILES)):
            status = place.status(name)
            is_own = status is not None and stat.S_ISDIR(status.st_mode) and status.st_uid == uid
            if is_own and not name.startswith((".", "__")) and not _is_code(os.path.join(place.path, name)):
                found.append(os.path.join(directory, name))
    return found


def _is_code(path: str) -> bool:
    """Return whether a directory has programs: a package, a virtual environment, modules of another language."""
    try:
        names = _paths.names(path)[:_MOST_FILES]
    except OSError:
        return True
    return os.path.basename(path) == "node_modules" or any(
        name.endswith((".py", ".js", ".mo", ".po", ".html")) or name == "pyvenv.cfg" for name in names
    )


def is_writable(path: str, uid: int, gid: int) -> bool:
    """Return whether ``path`` is a directory in which user ``uid`` can make files."""
    with contextlib.suppress(OSError), _paths.open_directory(path) as place:
        return place.is_writable(uid, gid)
    return False


def program_on_path(name: str, path: str) -> str:
    """Return where the program ``name`` is in the directories of a PATH, or would be: in the first unusual one."""
    places = [place for place in path.split(":")[:100] if place.startswith("/")]
    for place in places:
        with contextlib.suppress(OSError):
            if _paths.exists(os.path.join(place, name)):
                return os.path.join(place, name)
    return next((os.path.join(place, name) for place in places if not place.startswith(_USUAL)), "")
