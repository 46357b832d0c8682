# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generations: what an environment ran on a host before a change. Decides; touches nothing."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import Any, Collection, Iterable, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import settings
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, File, marker
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import Taken, described, parsed
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Request, Unit

FORMAT = 1  # of the files that hold generations
_MOST = 5
_READABLE_BY_ALL = 0o004


@dataclass(frozen=True)
class Generation:
    """All ``files`` and ``units`` of an environment, and the ``links`` to the ``release`` that its processes run in.

    ``undoes`` is the run that was about to be undone when this was kept, empty when it was kept before a change.
    ``taken`` are foreign services that ran until this collection took over, and ``taken_files`` their files.
    """

    files: tuple[File, ...] = ()
    units: tuple[Request, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    release: str = ""
    undoes: str = ""
    taken: tuple[Taken, ...] = ()
    taken_files: tuple[File, ...] = ()

    def is_like(self, other: Generation) -> bool:
        """Return whether both are the same, whatever they were kept for."""
        return replace(self, undoes="") == replace(other, undoes="")


class FormatError(Exception):
    """A generation of another format than the one that is read here."""

    def __init__(self, found: object) -> None:
        is_newer = isinstance(found, int) and found > FORMAT
        super().__init__(
            f"was kept by {'a newer' if is_newer else 'an older'} version of stalk.celery (format {found!r:.20}, this "
            f"one reads {FORMAT}); use the version that kept it, or remove the file, and with it the way back to it."
        )


def to_json(generation: Generation) -> str:
    """Return the text of a file that holds ``generation``."""
    return json.dumps(
        {
            "format": FORMAT,
            "undoes": generation.undoes,
            "release": generation.release,
            "links": dict(generation.links),
            "units": [asdict(unit) for unit in generation.units],
            "files": list(map(_plain, generation.files)),
            "taken": list(map(described, generation.taken)),
            "taken_files": list(map(_plain, generation.taken_files)),
        },
        indent=1,
    )


def _plain(file: File) -> dict[str, Any]:
    return {
        "path": file.path,
        "owner": file.attributes.owner,
        "group": file.attributes.group,
        "mode": f"{file.attributes.mode:04o}",
        "unit": file.unit,
        "content": file.content.decode("utf-8", "surrogateescape"),
    }


def from_json(text: str) -> Generation:
    """Return the generation in such a text. Raises FormatError for another format, ValueError for what is none."""
    content = json.loads(text)
    if isinstance(content, dict) and content.get("format") != FORMAT:
        raise FormatError(content.get("format", 0))
    try:
        return _generation(content)
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no generation: {error!r}") from error


def _generation(content: Any) -> Generation:
    return Generation(
        files=tuple(map(_file, content["files"])),
        units=tuple(Request(**item) for item in content["units"]),
        links=tuple(content["links"].items()),
        release=content["release"],
        undoes=content["undoes"],
        taken=tuple(map(parsed, content.get("taken", []))),
        taken_files=tuple(map(_file, content.get("taken_files", []))),
    )


def _file(item: Mapping[str, Any]) -> File:
    attributes = Attributes(item["owner"], item["group"], int(item["mode"], 8))
    return own_file(item["path"], attributes, item["content"].encode("utf-8", "surrogateescape"), item["unit"])


def own_file(path: str, attributes: Attributes, content: bytes, unit: str | None) -> File:
    """Return a file of the collection, which is secret if not everybody may read it."""
    return File(path, attributes, content, secret=not attributes.mode & _READABLE_BY_ALL, unit=unit)


def setting(unit_file: bytes, key: str) -> str:
    """Return the value of ``key`` in section Service of a unit file of the collection, empty without one."""
    text = unit_file.decode("utf-8", "replace")
    values = {name: value for section, name, value in settings(text) if section == "Service"}
    return values.get(key, "").replace("%%", "%")


def of_services(unit_files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return those of ``unit_files``, by path, that are the services of an environment, and not what watches them."""
    return {
        path: content
        for path, content in unit_files.items()
        if path.endswith(".service") and "/environment/" not in (marker(content) or "")
    }


def units_of_files(unit_files: Mapping[str, bytes]) -> dict[str, str]:
    """Return which unit has to be restarted when a file changes, by path: the files of services, and what they read."""
    services = of_services(unit_files)
    read = {setting(content, "EnvironmentFile"): os.path.basename(path) for path, content in services.items()}
    return {**read, **{path: os.path.basename(path) for path in unit_files if path.endswith(".service")}}


def has_proved_itself(units: Iterable[Unit], stamps: Mapping[str, int]) -> bool:
    """Return whether some service of ``units`` runs, and every one that does was ready with the files that it has now.

    What a run left that died between writing and restarting has not, nor has a configuration that never came up.
    """
    running = [unit for unit in units if unit.is_running]
    return bool(running) and all(min(unit.started_at, unit.ready_at) >= stamps.get(unit.name, 0) for unit in running)


def of_two_clocks(directory: str, environment: str, run: str, newest: str) -> str:
    """Return what is wrong where ``run`` is older than the ``newest`` that was kept, though it is later."""
    return (
        f"this is run {run} by the clock of the controller, and run {newest} has changed {environment} before: a "
        f"rollback would undo the wrong one. Nothing of {environment} was changed. Set the clock; if that of the other "
        f"controller was wrong, rename {directory}/{environment}/{newest}.json to when it was."
    )


def chosen(runs: Iterable[str], undo: str) -> str | None:
    """Return which of ``runs`` kept what ran before run ``undo``: this one, or the next if it changed nothing here."""
    return min((run for run in runs if run >= undo), default=None)


def is_too_old(runs: Collection[str], undo: str) -> bool:
    """Return whether what ran before run ``undo`` may have been there once and been removed since."""
    return len(runs) >= _MOST and undo < min(runs)


def superseded(kept: Mapping[str, Generation], run: str, generation: Generation, undo: str) -> list[str]:
    """Return which of ``kept`` have to go now that ``generation`` was kept by ``run``.

    The newest if it is the same, or the oldest if they are too many; none that is needed to undo run ``undo``.
    """
    newest = max(kept, default="")
    if kept and not undo and kept[newest].is_like(generation):
        return [newest]
    return [old for old in sorted([*kept, run])[:-_MOST] if not undo or old < undo]


def leading_to(release: str, target: str, parent: str) -> str:
    """Return the target for ``release`` of a link that leads to ``target``; relative to its ``parent`` if that is."""
    return release if os.path.isabs(target) else os.path.relpath(release, parent)
