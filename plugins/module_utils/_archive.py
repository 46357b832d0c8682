# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generations on a host: what an environment is now, what was kept, and what it takes to go back."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shutil
from dataclasses import dataclass, replace
from typing import Any, Iterable, Sequence

from ansible_collections.stalk.celery.plugins.module_utils import _disk, _files, _generation, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._files import Attributes, Directory, File, Found
from ansible_collections.stalk.celery.plugins.module_utils._generation import Generation
from ansible_collections.stalk.celery.plugins.module_utils._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._units import Request, Unit

GENERATIONS = "/var/lib/stalk.celery/generations"
PLACES = ("/etc/conf.d", "/etc/logrotate.d", "/etc/sysusers.d", "/usr/local/bin")
LIBRARY = "/usr/local/lib/celery-{}"
_FILE = re.compile(r"(\d{8}T\d{6}Z)\.json")
_DELETED = " (deleted)"


def stored(environment: str) -> dict[str, Generation]:
    """What was kept of C(environment), by run. Raises ValueError for a file that does not hold a generation."""
    result = {}
    for name in _names(os.path.join(GENERATIONS, environment)):
        found = _FILE.fullmatch(name)
        if found:
            result[found.group(1)] = _read(os.path.join(GENERATIONS, environment, name))
    return result


def known() -> dict[str, list[dict[str, str]]]:
    """What was kept of each environment, the newest first: its run and its release."""
    kept = {environment: stored(environment) for environment in sorted(_names(GENERATIONS))}
    return {
        environment: [{"run": run, "release": generations[run].release} for run in sorted(generations, reverse=True)]
        for environment, generations in kept.items()
        if generations
    }


def _read(path: str) -> Generation:
    with open(path, encoding="ascii") as file:
        text = file.read()
    try:
        return _generation.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} does not hold a generation; remove it.") from error


def _names(directory: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(directory)
    return []


@dataclass(frozen=True)
class Present:
    """What an environment is now: as a generation, and its units as systemd has them."""

    generation: Generation
    units: dict[str, Unit]
    stamps: dict[str, int]

    @property
    def has_proved_itself(self) -> bool:
        return _generation.has_proved_itself(self.units.values(), self.stamps)

    @property
    def runs_another_release(self) -> bool:
        """Whether a link leads to another release by now than the one that runs."""
        return any(_target(link) != target for link, target in self.generation.links)


def present(systemd: Systemd, environment: str) -> Present:
    """What C(environment) is on this host."""
    files = own_files(environment)
    unit_files = [file for file in files if os.path.dirname(file.path) == _systemctl.UNIT_DIRECTORIES[0]]
    names = [os.path.basename(file.path) for file in unit_files]
    units = systemd.show(names)
    links, release = _links(files, units)
    requests = tuple(Request(name, _is_meant_to_run(units[name]), units[name].is_enabled) for name in names)
    return Present(Generation(tuple(files), requests, links, release), units, _disk.stamps(names))


def _is_meant_to_run(unit: Unit) -> bool:
    """Whether C(unit) runs or would; one that failed and is not enabled was stopped, and did not end in time."""
    return unit.is_enabled if unit["ActiveState"] == "failed" else not unit.is_down


def own_files(environment: str) -> list[File]:
    """All files of C(environment) that the collection wrote."""
    owners = [f"{environment}/"]
    unit_directory = _systemctl.UNIT_DIRECTORIES[0]
    unit_files = _disk.look_at(_disk.strays([unit_directory], owners, set()))
    unit_of = _generation.units_of_files({path: found.content for path, found in unit_files.items()})
    library = [directory for directory, _directories, _files in os.walk(LIBRARY.format(environment))]
    elsewhere = [*PLACES, *library, *(os.path.dirname(path) for path in unit_of)]
    others = _disk.look_at(_disk.strays({*elsewhere} - {unit_directory}, owners, set()))
    return [
        _generation.own_file(path, found.attributes, found.content, unit_of.get(path))
        for path, found in {**unit_files, **others}.items()
    ]


def keep(run: str, environment: str, generation: Generation, label: _disk.Label) -> None:
    """Keep C(generation) as what was there before C(run). Raises OSError and changes nothing if it cannot be kept."""
    directory = os.path.join(GENERATIONS, environment)
    me = Attributes(pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name, 0o700)
    for path in (os.path.dirname(GENERATIONS), GENERATIONS, directory):
        if not os.path.isdir(path):
            _disk.make_directory(Directory(path, me), label)
    text = _generation.to_json(generation).encode("ascii")
    _disk.replace(os.path.join(directory, f"{run}.json"), text, replace(me, mode=0o600), label)


def forget(environment: str, runs: Sequence[str]) -> None:
    """Remove what C(runs) kept of C(environment)."""
    for run in runs:
        os.unlink(os.path.join(GENERATIONS, environment, f"{run}.json"))


def exists(environment: str) -> bool:
    """Whether there is a directory for generations of C(environment)."""
    return os.path.isdir(os.path.join(GENERATIONS, environment))


def remove(environment: str) -> None:
    """Remove all generations of C(environment)."""
    shutil.rmtree(os.path.join(GENERATIONS, environment))


@dataclass(frozen=True)
class Return:
    """What it takes to go back to C(generation)."""

    generation: Generation
    found: dict[str, Found]
    plan: _files.Plan
    strays: list[str]
    links: dict[str, str]
    restart: list[str]
    start: list[str]
    failed: list[str]
    enable: list[str]

    @property
    def changes(self) -> bool:
        return bool(self.is_unfinished or self.start)

    @property
    def is_unfinished(self) -> bool:
        """Whether there is a difference that nobody makes by stopping a service by hand."""
        return bool(self.plan.changed or self.strays or self.links or self.restart or self.enable)

    @property
    def beats(self) -> dict[str, str]:
        """Those of the units to start, or to run with another marker, that are beat, and their markers."""
        starting = {*self.start, *self.failed, *(_files.renamed(self.generation.files, self.found) & {*self.restart})}
        return {unit: marker for unit, marker in map(_beat, self.generation.files) if unit in starting}

    @property
    def changed_files(self) -> list[str]:
        return [*self.plan.changed_files, *self.links]

    @property
    def units(self) -> list[dict[str, Any]]:
        """The units, as module units takes them."""
        return [
            {"name": unit.name, "state": "started" if unit.started else "stopped", "enabled": unit.enabled}
            for unit in self.generation.units
        ]

    @property
    def diffs(self) -> list[_files.Diff]:
        return [
            *_files.diffs(self.plan, self.found),
            *(_files.diff(link, f"link to {_target(link)}\n", f"link to {new}\n") for link, new in self.links.items()),
        ]


def way_back(generation: Generation, now: Present) -> Return:
    """How to go from C(now) to C(generation)."""
    files = generation.files
    found = _disk.look_at(file.path for file in files)
    plan = _files.plan(files, found)
    wanted = {file.path for file in files}
    links = {link: target for link, target in generation.links if _target(link) != target}
    wanted_up = {request.name for request in generation.units if request.started}
    enabled = {request.name for request in generation.units if request.enabled}
    running = {name: unit for name, unit in now.units.items() if name in wanted_up and unit.is_running}
    stale = {name for name, unit in running.items() if now.stamps.get(name, 0) > unit.started_at}
    moved = {
        os.path.basename(file.path)
        for file in files
        if file.unit in running and _runs_elsewhere(running[file.unit]["MainPID"], _directory(file), generation.links)
    }
    return Return(
        generation=generation,
        found=found,
        plan=plan,
        strays=[file.path for file in now.generation.files if file.path not in wanted],
        links=links,
        restart=sorted(running.keys() & {*plan.restart, *stale, *moved}),
        start=sorted(wanted_up - {name for name, unit in now.units.items() if unit["ActiveState"] != "inactive"}),
        failed=sorted(name for name in wanted_up & now.units.keys() if now.units[name]["ActiveState"] == "failed"),
        enable=sorted(enabled - {name for name, unit in now.units.items() if unit.is_enabled}),
    )


def _beat(file: File) -> tuple[str, str]:
    """The unit of beat that C(file) is, empty for any other file, and its marker."""
    marker = _files.marker(file.content) or ""
    is_beat = "/beat/" in marker and file.path.endswith(".service")
    return os.path.basename(file.path) if is_beat else "", marker


def problems(way: Return) -> list[str]:
    """Why C(way) cannot be gone."""
    releases = {link: os.path.join(os.path.dirname(link), target) for link, target in way.generation.links}
    return [
        *_files.problems(way.generation.files, way.found),
        *_disk.unknown_accounts(way.generation.files),
        *(
            f"the release {os.path.normpath(path)} does not exist on this host any more; deploy it there again, "
            "or name an earlier or a later run in 'celery_service_rollback_to'."
            for path in releases.values()
            if not os.path.isdir(path)
        ),
        *(
            f"{link} is not a symbolic link any more and cannot lead to {releases[link]}; move it away."
            for link in way.links
            if os.path.lexists(link) and not os.path.islink(link)
        ),
    ]


def go(way: Return, label: _disk.Label) -> None:
    """Write the files and lead the links to their releases. What has to be restarted is noted before."""
    for unit in way.restart:
        _disk.stamp(unit)
    _disk.apply(way.plan, label)
    for link, target in way.links.items():
        _relink(link, target)
    for unit in way.restart:
        _disk.stamp(unit)


def _relink(link: str, target: str) -> None:
    """Lead C(link) to C(target) in one step; it keeps its owner."""
    temporary = os.path.join(os.path.dirname(link), f".{os.path.basename(link)}.stalk-celery")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    with contextlib.suppress(FileNotFoundError):
        status = os.lstat(link)
        os.lchown(temporary, status.st_uid, status.st_gid)
    os.replace(temporary, link)


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _link_in(directory: str) -> str:
    """The last part of C(directory) that is a link, empty without one."""
    path = directory
    while path not in ("/", "") and not os.path.islink(path):
        path = os.path.dirname(path)
    return path if os.path.islink(path) else ""


def _links(files: Sequence[File], units: dict[str, Unit]) -> tuple[tuple[tuple[str, str], ...], str]:
    """The links in the working directories of services, to the releases that these run in, and the first of these."""
    links: dict[str, str] = {}
    for file in files:
        directory = _directory(file)
        link = _link_in(directory)
        if not link:
            continue
        below = directory[len(link) :]
        runs_in = working_directory(units[os.path.basename(file.path)]["MainPID"], directory)
        if runs_in and runs_in != os.path.realpath(directory) and runs_in.endswith(below):
            release = runs_in[: len(runs_in) - len(below)]
            parent = os.path.realpath(os.path.dirname(link))
            links[link] = _generation.leading_to(release, _target(link), parent)
        else:
            links.setdefault(link, _target(link))
    first = next(iter(links.items()), None)
    return tuple(links.items()), os.path.realpath(os.path.join(os.path.dirname(first[0]), first[1])) if first else ""


def _directory(file: File) -> str:
    """The working directory that a unit file of a service names."""
    return _generation.setting(file.content, "WorkingDirectory") if file.path.endswith(".service") else ""


def working_directory(pid: str, directory: str) -> str:
    """The real path of the release of C(directory) that process C(pid) works in, empty if it cannot be told.

    The sandbox may show it under another path, so all directories that the link in C(directory) could have led to are
    asked whether they are it: those beside the one to which it leads now.
    """
    link = _link_in(directory)
    if not link:
        return ""
    releases = os.path.dirname(os.path.realpath(link))
    try:
        shown, status = os.readlink(f"/proc/{pid}/cwd"), os.stat(f"/proc/{pid}/cwd")
    except OSError:
        return ""
    for name in _names(releases):
        path = os.path.join(releases, name) + directory[len(link) :]
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(path), status):
                return os.path.realpath(path)
    is_deleted = shown.startswith(f"{releases}/") and shown.endswith(_DELETED)
    return shown[: -len(_DELETED)] if is_deleted else ""


def _runs_elsewhere(pid: str, directory: str, links: Iterable[tuple[str, str]]) -> bool:
    """Whether process C(pid) works in another directory than the one C(directory) is when C(links) are as given."""
    for link, target in links:
        if f"{directory}/".startswith(f"{link}/"):
            runs_in = working_directory(pid, directory)
            wanted = os.path.join(os.path.dirname(link), target) + directory[len(link) :]
            return runs_in != os.path.realpath(wanted) if runs_in else _target(link) != target
    return False
