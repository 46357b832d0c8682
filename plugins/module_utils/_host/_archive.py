# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generations on a host: what an environment is now, what was kept, and what it takes to go back."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterable, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import (
    _apart,
    _disk,
    _paths,
    _releases,
    _systemctl,
    _takeover,
)
from ansible_collections.stalk.celery.plugins.module_utils._host._apart import Account, Job
from ansible_collections.stalk.celery.plugins.module_utils._host._paths import Label
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _files, _generation
from ansible_collections.stalk.celery.plugins.module_utils._plan import _takeover as _taken
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File, Found
from ansible_collections.stalk.celery.plugins.module_utils._plan._generation import Generation
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import Taken
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Request, Unit

GENERATIONS = "/var/lib/stalk.celery/generations"
PLACES = ("/etc/conf.d", "/etc/logrotate.d", "/etc/sysusers.d", "/usr/local/bin")
LIBRARY = "/usr/local/lib/celery-{}"
_TAKEOVER = "takeover.json"  # beside generations: what a run takes over that has not ended
_FILE = re.compile(r"(\d{8}T\d{6}Z)\.json")


def stored(environment: str) -> dict[str, Generation]:
    """Return what was kept of ``environment``, by run. Raises ValueError for a file that does not hold a generation."""
    result = {}
    for name in _paths.names(os.path.join(GENERATIONS, environment)):
        found = _FILE.fullmatch(name)
        if found:
            result[found.group(1)] = _read(os.path.join(GENERATIONS, environment, name))
    return result


def known() -> dict[str, list[dict[str, str]]]:
    """Return what was kept of each environment, the newest first: its run and its release."""
    kept = {environment: stored(environment) for environment in _paths.names(GENERATIONS)}
    return {
        environment: [{"run": run, "release": generations[run].release} for run in sorted(generations, reverse=True)]
        for environment, generations in kept.items()
        if generations
    }


def _read(path: str) -> Generation:
    try:
        return _generation.from_json(_paths.read(path).decode("ascii"))
    except _generation.FormatError as error:
        raise ValueError(f"{path} {error}") from error
    except ValueError as error:
        raise ValueError(f"{path} does not hold a generation; remove it.") from error


@dataclass(frozen=True)
class Present:
    """What an environment is now: as a generation, and its units as systemd has them."""

    generation: Generation
    units: dict[str, Unit]
    stamps: dict[str, int]
    runs_another_release: bool
    systemd: Systemd

    @property
    def has_proved_itself(self) -> bool:
        services = _services(self.generation.files)
        return _generation.has_proved_itself([self.units[name] for name in services], self.stamps)


def present(systemd: Systemd, environment: str) -> Present:
    """Return what ``environment`` is on this host."""
    files = own_files(environment)
    unit_files = [file for file in files if os.path.dirname(file.path) == _systemctl.UNIT_DIRECTORIES[0]]
    names = [os.path.basename(file.path) for file in unit_files]
    units = systemd.show(names)
    looked = _apart.look(_links_job(files, units)) or {"links": [], "release": "", "another": False}
    links = tuple((link, target) for link, target in looked["links"])
    requests = tuple(Request(name, _is_meant_to_run(units[name]), units[name].is_enabled) for name in names)
    generation = Generation(tuple(files), requests, links, looked["release"])
    return Present(generation, units, _disk.change_times(names), looked["another"], systemd)


def _links_job(files: Sequence[File], units: dict[str, Unit]) -> Job:
    """Return what tells the links in the working directories of services, and the releases that these run in."""
    pids = [(directory, units[name]["MainPID"]) for name, directory in _directories(files).items()]

    def look(works_in: list[tuple[str, _releases.Cwd]]) -> dict[str, Any]:
        links, release = _links(works_in)
        another = any(_releases.target(link) != target for link, target in links.items())
        return {"links": list(links.items()), "release": release, "another": another}

    return Job(account(files), look, lambda: [(directory, _releases.cwd(pid)) for directory, pid in pids])


def account(files: Iterable[File]) -> Account:
    """Return the user of the services in ``files``, who sees their directories."""
    for file in files:
        user = _generation.setting(file.content, "User") if file.path.endswith(".service") else ""
        if user:
            others = _generation.setting(file.content, "SupplementaryGroups")
            return Account(user, _generation.setting(file.content, "Group"), tuple(others.split()))
    return Account("")


def _is_meant_to_run(unit: Unit) -> bool:
    """Return whether ``unit`` runs or would; one that failed and is not enabled was stopped and did not end in time."""
    return unit.is_enabled if unit["ActiveState"] == "failed" else not unit.is_down


def own_files(environment: str) -> list[File]:
    """Return all files of ``environment``: those of root with its marker, where nobody else can put files."""
    marker_prefixes = [f"{environment}/"]
    unit_directory = _systemctl.UNIT_DIRECTORIES[0]
    unit_files = _disk.read_paths(_disk.orphans([unit_directory], marker_prefixes, set()))
    unit_of = _generation.units_of_files({path: found.content for path, found in unit_files.items()})
    library = LIBRARY.format(environment)
    libraries = [library, *(os.path.join(library, name) for name in _paths.names(library))]
    elsewhere = [*PLACES, *libraries, *(os.path.dirname(path) for path in unit_of)]
    others = _disk.read_paths(_disk.orphans({*elsewhere} - {unit_directory}, marker_prefixes, set()))
    return [
        _generation.own_file(path, found.attributes, found.content, unit_of.get(path))
        for path, found in {**unit_files, **others}.items()
    ]


def keep(run: str, environment: str, generation: Generation, label: Label) -> None:
    """Keep ``generation`` as what was there before ``run``. Raises OSError and changes nothing if it cannot be kept."""
    directory = os.path.join(GENERATIONS, environment)
    me = (os.getuid(), os.getgid())
    for path in (os.path.dirname(GENERATIONS), GENERATIONS, directory):
        _paths.make_directory(path, *me, 0o700, label)
    text = _generation.to_json(generation).encode("ascii")
    _paths.replace(os.path.join(directory, f"{run}.json"), text, *me, 0o600, label)


def with_taken(generation: Generation, taken: Sequence[Taken]) -> Generation:
    """Return ``generation`` with foreign services that are about to be taken over, and their files."""
    found = _disk.read_paths(path for one in taken for path in one.paths)
    files = [_generation.own_file(path, file.attributes, file.content, None) for path, file in found.items()]
    return replace(generation, taken=tuple(taken), taken_files=tuple(files))


def unfinished(environment: str) -> list[Taken]:
    """Return the foreign services that a run began to take over, until all of them are gone."""
    path = os.path.join(GENERATIONS, environment, _TAKEOVER)
    try:
        return [_taken.parsed(item) for item in json.loads(_paths.read(path))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} does not say what is taken over; remove it.") from error


def begin_takeover(environment: str, taken: Sequence[Taken], label: Label) -> None:
    """Note what is taken over. There is a generation of the environment."""
    path = os.path.join(GENERATIONS, environment, _TAKEOVER)
    text = json.dumps(list(map(_taken.described, taken))).encode("ascii")
    _paths.replace(path, text, os.getuid(), os.getgid(), 0o600, label)


def end_takeover(environment: str) -> None:
    """Note that it is done."""
    path = os.path.join(GENERATIONS, environment, _TAKEOVER)
    if _paths.exists(path):
        _paths.unlink(path)


def forget(environment: str, runs: Sequence[str]) -> None:
    """Remove what ``runs`` kept of ``environment``."""
    for run in runs:
        _paths.unlink(os.path.join(GENERATIONS, environment, f"{run}.json"))


def exists(environment: str) -> bool:
    """Return whether there is a directory for generations of ``environment``."""
    return _paths.is_directory(os.path.join(GENERATIONS, environment))


def remove(environment: str) -> None:
    """Remove all generations of ``environment``."""
    _paths.remove_tree(os.path.join(GENERATIONS, environment))


@dataclass(frozen=True)
class RestorePlan:
    """What it takes to go back to ``generation``."""

    generation: Generation
    found: dict[str, Found]
    plan: _files.Plan
    orphans: list[str]
    links: dict[str, str]
    restart: list[str]
    start: list[str]
    failed: list[str]
    enable: list[str]
    found_links: dict[str, str]
    obstacles: list[str]
    idle: list[Taken]
    disabled: list[Taken]

    @property
    def changes(self) -> bool:
        return bool(self.is_unfinished or self.start or self.idle)

    @property
    def is_unfinished(self) -> bool:
        """Whether there is a difference that nobody makes by stopping a service by hand."""
        return bool(self.plan.changed or self.orphans or self.links or self.restart or self.enable or self.disabled)

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
            *(
                _files.diff(link, f"link to {self.found_links.get(link, '')}\n", f"link to {new}\n")
                for link, new in self.links.items()
            ),
        ]


def plan_restore(generation: Generation, now: Present) -> RestorePlan:
    """Return how to go from ``now`` to ``generation``."""
    files = generation.files
    found = _disk.read_paths(file.path for file in files)
    plan = _files.plan(files, found)
    wanted = {file.path for file in files}
    looked = _apart.look(_way_job(generation, now)) or _UNSEEN
    links = {link: target for link, target in generation.links if looked["targets"].get(link) != target}
    wanted_up = {request.name for request in generation.units if request.started}
    enabled = {request.name for request in generation.units if request.enabled}
    running = {name: unit for name, unit in now.units.items() if name in wanted_up and unit.is_running}
    stale = {name for name, unit in running.items() if now.stamps.get(name, 0) > unit.started_at}
    return RestorePlan(
        generation=generation,
        found=found,
        plan=plan,
        orphans=[file.path for file in now.generation.files if file.path not in wanted],
        links=links,
        restart=sorted(running.keys() & {*plan.restart, *stale, *looked["moved"]}),
        start=sorted(wanted_up - {name for name, unit in now.units.items() if unit["ActiveState"] != "inactive"}),
        failed=sorted(name for name in wanted_up & now.units.keys() if now.units[name]["ActiveState"] == "failed"),
        enable=sorted(enabled - {name for name, unit in now.units.items() if unit.is_enabled}),
        found_links=looked["targets"],
        obstacles=looked["obstacles"],
        idle=_takeover.idle(generation.taken),
        disabled=[one for one in generation.taken if one.is_enabled and not _takeover.is_enabled(now.systemd, one)],
    )


_UNSEEN: dict[str, Any] = {
    "targets": {},
    "moved": [],
    "obstacles": [f"its directories do not answer within {_apart.SECONDS:g} s, so nobody knows where its links lead."],
}


def _way_job(generation: Generation, now: Present) -> Job:
    """Return where the links of ``generation`` lead now, which units run elsewhere, and what is in the way."""
    directories = _directories(generation.files)
    running = {name: now.units[name]["MainPID"] for name in directories if name in now.units}

    def before() -> dict[str, Any]:
        return {
            "works_in": {name: _releases.cwd(pid) for name, pid in running.items()},
            "barred": {link: reason for link, target in generation.links for reason in _barred(link, target)},
        }

    def look(found: dict[str, Any]) -> dict[str, Any]:
        targets = {link: _releases.target(link) for link, _target in generation.links}
        return {
            "targets": targets,
            "moved": [
                name
                for name, works_in in found["works_in"].items()
                if _releases.runs_elsewhere(works_in, directories[name], generation.links)
            ],
            "obstacles": [
                *_missing_releases(generation, _releases.is_missing),
                *(
                    found["barred"][link]
                    for link, target in generation.links
                    if targets[link] != target and link in found["barred"]
                ),
            ],
        }

    return Job(account(generation.files), look, before)


def _missing_releases(generation: Generation, is_missing: Callable[[str], bool]) -> list[str]:
    return [
        f"the release {os.path.normpath(path)} does not exist on this host any more; deploy it there again, "
        "or name an earlier or a later run in 'celery_rollback_run'."
        for path in _leads_to(generation).values()
        if is_missing(path)
    ]


def _leads_to(generation: Generation) -> dict[str, str]:
    """Return where the links of ``generation`` lead to, as paths."""
    return {link: os.path.join(os.path.dirname(link), target) for link, target in generation.links}


def _barred(link: str, target: str) -> list[str]:
    """Return why ``link`` cannot lead to ``target``."""
    release = os.path.normpath(os.path.join(os.path.dirname(link), target))
    try:
        _paths.check_link(link)
    except OSError as error:
        return [
            f"{link} cannot lead to {release}: {error.filename}: {error.strerror}; move it away, or make it by hand."
        ]
    return []


def _beat(file: File) -> tuple[str, str]:
    """Return the unit of beat that ``file`` is, empty for any other file, and its marker."""
    marker = _files.marker(file.content) or ""
    is_beat = "/beat/" in marker and file.path.endswith(".service")
    return os.path.basename(file.path) if is_beat else "", marker


def problems(planned: RestorePlan, systemd: Systemd) -> list[str]:
    """Return why this restore is not possible."""
    files = planned.generation.files
    new = [file for file in files if file.path not in planned.found]
    return [
        *_disk.foreign_units(systemd, new, planned.found).values(),
        *_files.problems(files, planned.found, _disk.exposed(file.path for file in files)),
        *_disk.unknown_accounts(files),
        *planned.obstacles,
        *_in_the_way(planned),
    ]


def _in_the_way(planned: RestorePlan) -> list[str]:
    """Return a sentence for each foreign service that was brought back and would run beside those of a generation."""
    environments = {_files.environment(file.content) for file in planned.generation.files}
    kept = {one for name in environments for generation in stored(name).values() for one in generation.taken}
    back = kept - {*_takeover.idle(kept), *planned.generation.taken}
    return [
        f"{_taken.named(one.manager, one.name)} runs again; take it over with site.yml {_taken.SWITCH}."
        for one in sorted(back, key=str)
        if planned.generation.files
    ]


def listed(systemd: Systemd, environment: str) -> list[dict[str, Any]]:
    """Return the generations of ``environment``, newest first."""
    kept = stored(environment)
    now = present(systemd, environment)
    plans = {run: plan_restore(generation, now) for run, generation in kept.items()}
    undone = {run: plans[_generation.chosen(kept, kept[run].undoes) or run] for run in kept if kept[run].undoes}
    return [
        {
            "run": run,
            "release": kept[run].release,
            "undoes": kept[run].undoes,
            "differs": plans[run].changes,
            "unfinished": run in undone and undone[run].is_unfinished,
        }
        for run in sorted(kept, reverse=True)
    ]


def restore(planned: RestorePlan, label: Label) -> None:
    """Write the files and lead the links to their releases. What has to be restarted is noted before."""
    for unit in planned.restart:
        _disk.record_change(unit)
    _disk.apply(planned.plan, label)
    for gone in planned.generation.taken:
        _takeover.put_back(gone, planned.generation.taken_files, label)
    for link, target in planned.links.items():
        _paths.link(link, target)
    for unit in planned.restart:
        _disk.record_change(unit)


def _links(works_in: Iterable[tuple[str, _releases.Cwd]]) -> tuple[dict[str, str], str]:
    """Return the links in working directories of services to the releases that these run in, and the first release."""
    links: dict[str, str] = {}
    for directory, where in works_in:
        link = _releases.link_in(directory)
        if not link:
            continue
        below = directory[len(link) :]
        runs_in = _releases.working_directory(where, directory)
        if runs_in and runs_in != _releases.real(directory) and runs_in.endswith(below):
            release = runs_in[: len(runs_in) - len(below)]
            parent = _releases.real(os.path.dirname(link))
            links[link] = _generation.leading_to(release, _releases.target(link), parent)
        else:
            links.setdefault(link, _releases.target(link))
    first = next(iter(links.items()), None)
    return links, _releases.real(os.path.join(os.path.dirname(first[0]), first[1])) if first else ""


def _directories(files: Iterable[File]) -> dict[str, str]:
    """Return the working directories that the unit files of services name, by unit."""
    return {name: _generation.setting(content, "WorkingDirectory") for name, content in _services(files).items()}


def _services(files: Iterable[File]) -> dict[str, bytes]:
    """Return the unit files of services, by unit."""
    found = _generation.of_services({file.path: file.content for file in files})
    return {os.path.basename(path): content for path, content in found.items()}
