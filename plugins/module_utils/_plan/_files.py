# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be written so that the files of a host are the wanted ones. Decides; touches nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Container, Dict, Iterable, Mapping, Union

from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import changed_names
from ansible_collections.stalk.celery.plugins.module_utils._plan._handover import needs_restart

Diff = Dict[str, str]

_MARKER = re.compile(rb"Managed by stalk\.celery: (\S+?)\.?(?:\s|$)")
_MARKER_LINES = 3


def marker(content: bytes) -> str | None:
    """Return the ``<environment>/<kind>/<name>`` in the first three lines of a file, None for somebody else's file.

    That of beat ends with what only beats that may run at the same time have in common.
    """
    for line in content.split(b"\n", _MARKER_LINES)[:_MARKER_LINES]:
        found = _MARKER.search(line)
        if found:
            return found.group(1).decode("utf-8", "replace")
    return None


def environment(content: bytes) -> str:
    """Return the environment of a file that the collection wrote, empty for one of somebody else's."""
    return (marker(content) or "").partition("/")[0]


@dataclass(frozen=True)
class Attributes:
    """Owner and group as names (a number for an id without a name), mode as the twelve permission bits."""

    owner: str
    group: str
    mode: int

    def __str__(self) -> str:
        return f"{self.owner}:{self.group} {self.mode:04o}"


@dataclass(frozen=True)
class Directory:
    """A directory that has to exist; ``setting`` asks for it, and ``instead`` is what could be written there."""

    path: str
    attributes: Attributes
    setting: str = ""
    instead: str = ""


@dataclass(frozen=True)
class File:
    """A file that has to exist. ``unit`` is what has to be restarted when the content changes."""

    path: str
    attributes: Attributes
    content: bytes
    secret: bool = False
    unit: str | None = None


@dataclass(frozen=True)
class Found:
    """What is at a path: ``kind`` is file, directory, link (``target`` says where to) or other.

    ``is_roots`` is False where somebody else than root could have put it there or could change it.
    """

    kind: str
    attributes: Attributes
    content: bytes = b""
    target: str = ""
    is_roots: bool = True


Wanted = Union[Directory, File]


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they are made, and the units for which a hand-over would not do."""

    make: tuple[Directory, ...]
    adjust: tuple[File, ...]
    write: tuple[File, ...]
    cold: frozenset[str] = frozenset()

    @property
    def changed(self) -> bool:
        return bool(self.make or self.adjust or self.write)

    @property
    def changed_files(self) -> list[str]:
        return [file.path for file in self.write]

    @property
    def restart(self) -> list[str]:
        """The units that have to run anew, by a restart or a hand-over."""
        return sorted({file.unit for file in self.write if file.unit})


def plan(wanted: Iterable[Wanted], found: Mapping[str, Found]) -> Plan:
    """Compare ``wanted`` to what was ``found`` at its paths; a path that is not in ``found`` does not exist.

    A directory that exists keeps its owner and mode.
    """
    make: list[Directory] = []
    adjust: list[File] = []
    write: list[File] = []
    for item in dict.fromkeys(wanted):
        existing = found.get(item.path)
        if isinstance(item, File) and (existing is None or existing.content != item.content):
            write.append(item)
        elif isinstance(item, Directory):
            make.extend([item] if existing is None else [])
        elif existing is not None and existing.attributes != item.attributes:
            adjust.append(item)
    cold = frozenset(file.unit for file in write if file.unit and _needs_restart(file, found.get(file.path)))
    return Plan(tuple(sorted(make, key=_path)), tuple(adjust), tuple(write), cold)


def _needs_restart(file: File, existing: Found | None) -> bool:
    before = existing.content.decode("utf-8", "replace") if existing else ""
    return needs_restart(file.path, before, file.content.decode("utf-8", "replace"))


def renamed(files: Iterable[File], found: Mapping[str, Found]) -> set[str]:
    """Return the units of those of ``files`` that were ``found`` with another marker than they are to have."""
    return {
        file.unit
        for file in files
        if file.unit and file.path in found and marker(found[file.path].content) != marker(file.content)
    }


def _path(item: Wanted) -> str:
    return item.path


def problems(wanted: Iterable[Wanted], found: Mapping[str, Found], exposed: Mapping[str, str]) -> list[str]:
    """Return why ``wanted`` must not be written: contradictions in itself, and what somebody else put at its paths.

    ``exposed`` says of paths of files why others than root could put something else there.
    """
    result: list[str] = []
    seen: dict[str, Wanted] = {}
    for item in wanted:
        if not os.path.isabs(item.path):
            result.append(f"{item.path}: the path is not absolute; write it with a leading /.")
        elif item.path in seen and seen[item.path] != item:
            result.append(f"{item.path}: asked for twice with different content or attributes.")
        elif item.path in exposed:
            result.append(
                f"{item.path} is not safe from others than root: {exposed[item.path]}. Write a path below a directory "
                "that only root can change, for example below /etc/conf.d."
            )
        elif isinstance(item, File):
            result.extend(_file_problems(item, found.get(item.path)))
        else:
            result.extend(_directory_problems(item, found.get(item.path)))
        seen[item.path] = item
    return result


def closed_problems(closed: Mapping[str, str]) -> list[str]:
    """Return why files cannot be changed; ``closed`` says of their paths which place not even root can change."""
    places: dict[str, list[str]] = {}
    for path, place in closed.items():
        places.setdefault(place, []).append(path)
    return [
        f"{paths[0]}{f' and {len(paths) - 1} more' if paths[1:] else ''} cannot be changed, not even by root: {place} "
        f"is immutable, or on a file system that is mounted read-only. Run 'chattr -i {place}', or mount it writable."
        for place, paths in places.items()
    ]


def _file_problems(item: File, existing: Found | None) -> list[str]:
    own = marker(item.content)
    if own is None:
        return [f"{item.path}: the first three lines of the wanted content lack 'Managed by stalk.celery: <name>'."]
    if existing is None:
        return []
    if not existing.is_roots and existing.attributes.owner != item.attributes.owner:
        return [f"{item.path} exists and is {existing.attributes}, so root did not write it; move it away."]
    return foreign(item.path, own, existing)


def foreign(path: str, own: str, existing: Found) -> list[str]:
    """Return why the file at ``path`` is not what the collection wrote for the environment of marker ``own``."""
    if existing.kind == "link" and existing.target == "/dev/null":
        unit = os.path.basename(path)
        return [f"{path} is a link to /dev/null, so the unit is masked; run 'systemctl unmask {unit}' on this host."]
    if existing.kind != "file":
        what = f"a symbolic link to {existing.target}" if existing.kind == "link" else f"a {existing.kind}"
        return [f"{path} is {what}, where the collection has to write a file; move it away."]
    theirs = marker(existing.content)
    if theirs is None:
        return [
            f"{path} exists and was not written by stalk.celery (no line 'Managed by stalk.celery' at its top); "
            "move it away, or give the service another name."
        ]
    if environment(existing.content) != own.partition("/")[0]:
        return [f"{path} belongs to {theirs}, and {own} asks for the same path; give one of the two another name."]
    return []


def not_ours(existing: Found, marker_prefixes: Iterable[str]) -> str:
    """Return why this is no file that the collection wrote, with one of ``marker_prefixes``, empty if it is."""
    name = marker(existing.content) if existing.kind == "file" else None
    if name is None:
        return "was not written by stalk.celery"
    if not existing.is_roots:
        return f"belongs to {existing.attributes}, so it was not written by root,"
    prefixes = tuple(marker_prefixes)
    return f"belongs to {name}" if prefixes and not name.startswith(prefixes) else ""


def _directory_problems(item: Directory, existing: Found | None) -> list[str]:
    if existing is None or existing.kind in ("directory", "link"):
        return []
    return [f"{item.path} is a {existing.kind}, where a directory is wanted; move it away."]


def diffs(changes: Plan, found: Mapping[str, Found]) -> list[Diff]:
    """Return the differences in the form that ``--diff`` shows; of a secret file only the names of the variables."""
    made = [diff(item.path, "", f"directory {item.attributes}\n") for item in changes.make]
    written = [diff(file.path, *_texts(file, found.get(file.path))) for file in changes.write]
    adjusted = [
        diff(item.path, f"{found[item.path].attributes}\n", f"{item.attributes}\n")
        for item in (*changes.adjust, *changes.write)
        if item.path in found and found[item.path].attributes != item.attributes
    ]
    return made + written + adjusted


def _texts(file: File, existing: Found | None) -> tuple[str, str]:
    before = "" if existing is None else existing.content.decode("utf-8", "replace")
    after = file.content.decode("utf-8", "replace")
    return changed_names(before, after) if file.secret else (before, after)


def diff(path: str, before: str, after: str) -> Diff:
    """Return one difference in the form that ``--diff`` shows."""
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def is_orphan(content: bytes, marker_prefixes: Iterable[str], keep_markers: Container[str] = ()) -> bool:
    """Return True for a file whose marker begins with one of ``marker_prefixes`` and is none of ``keep_markers``."""
    name = marker(content)
    return name is not None and name not in keep_markers and name.startswith(tuple(marker_prefixes))
