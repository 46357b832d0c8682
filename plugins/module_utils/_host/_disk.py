# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system as the modules use it: look, write whole files or nothing, remember when."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import stat
import time
from types import MappingProxyType
from typing import Callable, Container, Iterable, Iterator, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _paths, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import Nss, gid_of
from ansible_collections.stalk.celery.plugins.module_utils._host._paths import Label, Place
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _unit_files
from ansible_collections.stalk.celery.plugins.module_utils._plan._accounts import written
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import (
    Attributes,
    Directory,
    File,
    Found,
    Plan,
    Wanted,
    is_orphan,
    marker,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan._log_directories import Ground

STAMPS = "/run/stalk.celery"
_HEAD = 4096
_TEXT = 1024 * 1024


def look(path: str) -> Found | None:
    """Return what is at ``path``, None where there is nothing. A link of root has the attributes of its target."""
    with contextlib.suppress(OSError), _paths.parent(path) as (place, name):
        status = place.status(name)
        return None if status is None else _found(place, name, status)
    return None


def _found(place: Place, name: str, status: os.stat_result) -> Found:
    is_roots = place.is_roots and status.st_uid in (0, os.getuid())
    if stat.S_ISLNK(status.st_mode):
        return Found("link", _beyond(place, name, status), target=place.target(name), is_roots=is_roots)
    if not stat.S_ISREG(status.st_mode):
        kind = "directory" if stat.S_ISDIR(status.st_mode) else "special file"
        return Found(kind, attributes(status), is_roots=is_roots)
    try:
        return Found("file", attributes(status), place.read(name), is_roots=is_roots)
    except OSError as error:
        return Found(f"file that cannot be read ({error.strerror})", attributes(status), is_roots=is_roots)


def _beyond(place: Place, name: str, status: os.stat_result) -> Attributes:
    """Return the attributes of the directory that link ``name`` leads to, or its own."""
    with contextlib.suppress(OSError), _paths.open_directory(os.path.join(place.path, name)) as target:
        return attributes(target.owner_status)
    return attributes(status)


def read_paths(paths: Iterable[str]) -> dict[str, Found]:
    """Return what exists of ``paths``."""
    looked = ((path, look(path)) for path in paths)
    return {path: found for path, found in looked if found is not None}


def attributes(status: os.stat_result) -> Attributes:
    """Owner, group and mode, by name where the ids have names."""
    owner, _group = _paths.names_of(status.st_uid, status.st_gid)
    return Attributes(owner, written(Nss().group_of(status.st_gid)), stat.S_IMODE(status.st_mode))


def exposed(paths: Iterable[str], owners: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return which of ``paths`` others than root could have put something else at, and what lets them do so.

    ``owners`` are those that files are to have: what is to be a user's own may lie in that user's directory.
    """
    reasons = {path: _exposure(path, owners.get(path, "root")) for path in paths}
    return {path: reason for path, reason in reasons.items() if reason}


def _exposure(path: str, owner: str) -> str:
    try:
        with _paths.nearest(os.path.dirname(path)) as (place, _missing):
            return "" if place.is_roots or _belongs_to(place, owner) else str(place)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"


def closed(paths: Iterable[str]) -> dict[str, str]:
    """Return which of ``paths`` not even root can replace or remove, and the place that is closed."""
    places = {path: _closed(path) for path in paths}
    return {path: place for path, place in places.items() if place}


def _closed(path: str) -> str:
    with contextlib.suppress(OSError), _paths.nearest(os.path.dirname(path)) as (place, missing):
        name = os.path.basename(path)
        if not place.is_open("."):
            return place.path
        return "" if missing or place.status(name) is None or place.is_open(name) else path
    return ""


def _belongs_to(place: _paths.Place, owner: str) -> bool:
    uid = place.owner_status.st_uid
    return uid != 0 and is_known(pwd.getpwnam, owner) and pwd.getpwnam(owner).pw_uid == uid


def foreign_units(systemd: Systemd, files: Iterable[File], found: Mapping[str, Found]) -> dict[str, str]:
    """Return which of ``files`` are those of units that somebody else has, and what to do about it."""
    wanted = _unit_files.of(files, _systemctl.UNIT_DIRECTORIES[0])
    units = systemd.show(list(wanted), _unit_files.PROPERTIES)
    elsewhere = {name: _systemctl.elsewhere(name) for name in wanted}
    return _unit_files.problems(wanted, found, units, elsewhere)


def grounds(directories: Iterable[Directory]) -> dict[Directory, Ground]:
    """Return what there is where ``directories`` are wanted."""
    return {item: _ground(item) for item in dict.fromkeys(directories)}


def _ground(item: Directory) -> Ground:
    try:
        with _paths.nearest(item.path) as (place, missing):
            return Ground(
                is_there=not missing,
                told=str(place),
                is_roots=place.is_roots,
                is_users=attributes(place.owner_status).owner == item.attributes.owner,
                is_writable=_is_writable(place, item.attributes),
                is_everybodys=bool(place.owner_status.st_mode & stat.S_IWOTH),
            )
    except OSError as error:
        return Ground(error=f"{error.filename}: {error.strerror}")


def _is_writable(place: Place, wanted: Attributes) -> bool:
    """Return whether its owner, as far as there is one, can make files in ``place``."""
    try:
        return place.is_writable(*_ids(wanted))
    except KeyError:
        return False


def unknown_accounts(wanted: Iterable[Wanted]) -> list[str]:
    """Return a sentence for every owner and group of ``wanted`` that this host does not have."""
    items = list(wanted)
    return [
        f"{kind} {name!r} of {', '.join(paths)} does not exist on this host."
        for kind, lookup, names in (
            ("user", pwd.getpwnam, [(item.attributes.owner, item.path) for item in items]),
            ("group", gid_of, [(item.attributes.group, item.path) for item in items]),
        )
        for name in sorted({name for name, _path in names})
        if not is_known(lookup, name)
        for paths in [[path for owner, path in names if owner == name]]
    ]


def is_known(lookup: Callable[[str], object], name: str) -> bool:
    """Return whether ``lookup``, one of the functions of pwd and grp, finds ``name``."""
    try:
        lookup(name)
    except KeyError:
        return False
    return True


def apply(changes: Plan, label: Label) -> None:
    """Carry out ``changes``."""
    for directory in changes.make:
        make_directory(directory, label)
    for file in changes.adjust:
        adjust(file)
    for unit in changes.restart:
        record_change(unit, cold=unit in changes.cold)
    for file in changes.write:
        make_parents(file.path, label)
        replace(file.path, file.content, file.attributes, label)
    for unit in changes.restart:
        record_change(unit, cold=unit in changes.cold)


def selinux_labeler(module: AnsibleModule) -> Label:
    """Return what gives a new file the SELinux context of its final path, where there is SELinux."""

    def label(temporary: str, path: str) -> None:
        module.set_context_if_different(temporary, module.selinux_default_context(path), False)

    return label


def without_label(_temporary: str, _path: str) -> None:
    """Leave the context to the kernel."""


def make_directory(item: Directory, label: Label) -> None:
    """Make a directory and what is missing above it; one that exists stays as it is."""
    _paths.make_directory(item.path, *_ids(item.attributes), item.attributes.mode, label)


def make_parents(path: str, label: Label) -> None:
    """Make what is missing above ``path``."""
    directory = os.path.dirname(path)
    with _paths.nearest(directory) as (place, _missing):
        uid, gid = _paths.owner_of_new(place)
    _paths.make_directory(directory, uid, gid, 0o755, label)


def adjust(file: File) -> None:
    """Give a file of root its owner, group and mode."""
    with _paths.parent(file.path) as (place, name):
        place.give(name, *_ids(file.attributes), file.attributes.mode)


def _ids(wanted: Attributes) -> tuple[int, int]:
    return pwd.getpwnam(wanted.owner).pw_uid, gid_of(wanted.group)


def replace(path: str, content: bytes, wanted: Attributes, label: Label) -> None:
    """Put ``content`` at ``path`` in one step: readers see the old file or the new one, whole, with its attributes."""
    _paths.replace(path, content, *_ids(wanted), wanted.mode, label)


def record_change(unit: str, cold: bool = False) -> None:
    """Note that files of ``unit`` change now, and that a hand-over would not do if it is ``cold``."""
    _make_stamps()
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    text = f"{now} {now if cold else cold_change_times([unit]).get(unit, 0)}\n"
    _paths.replace(os.path.join(STAMPS, unit), text.encode(), os.getuid(), os.getgid(), 0o600, without_label)


def _make_stamps() -> None:
    _paths.make_directory(STAMPS, os.getuid(), os.getgid(), 0o755, without_label)


def change_times(units: Iterable[str]) -> dict[str, int]:
    """Return when files of ``units`` changed last since the host booted, in microseconds of CLOCK_MONOTONIC."""
    return {unit: times[0] for unit, times in _times_of(units)}


def cold_change_times(units: Iterable[str]) -> dict[str, int]:
    """Return when files of ``units`` changed last so that a hand-over would not do."""
    return {unit: times[-1] for unit, times in _times_of(units)}


def _times_of(units: Iterable[str]) -> Iterator[tuple[str, list[int]]]:
    for unit in units:
        with contextlib.suppress(FileNotFoundError, ValueError):
            first, *others = _paths.read(os.path.join(STAMPS, unit)).split()
            yield unit, [int(first), *map(int, others)]


@contextlib.contextmanager
def exclusive_lock() -> Iterator[None]:
    """Hold the host-wide lock of the collection."""
    _make_stamps()
    with _paths.open_directory(STAMPS) as place, place.opened() as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def forget_changes(units: Iterable[str]) -> None:
    """Remove what was noted of ``units``."""
    for unit in units:
        with contextlib.suppress(FileNotFoundError):
            _paths.unlink(os.path.join(STAMPS, unit))


def orphans(
    directories: Iterable[str],
    marker_prefixes: Iterable[str],
    wanted: Container[str],
    keep_markers: Container[str] = (),
) -> list[str]:
    """Files of root directly in ``directories``, which are root's, that carry a marker with one of ``marker_prefixes``.

    Without ``wanted`` ones, and without those of ``keep_markers``.
    """
    prefixes = list(marker_prefixes)
    return sorted(
        path
        for directory in sorted(set(directories))
        for path, head in _heads(directory)
        if path not in wanted and is_orphan(head, prefixes, keep_markers)
    )


def foreign_texts(directory: str) -> dict[str, str]:
    """Return the files of root directly in ``directory`` that somebody else wrote, and their texts."""
    texts = {path: head.decode("utf-8", "replace") for path, head in _heads(directory, _TEXT) if marker(head) is None}
    return dict(sorted(texts.items()))


def markers(directory: str) -> dict[str, str]:
    """Return the files directly in ``directory`` that the collection wrote, and their markers."""
    found = {path: marker(head) for path, head in _heads(directory)}
    return {path: name for path, name in sorted(found.items()) if name is not None}


def _heads(directory: str, most: int = _HEAD) -> Iterator[tuple[str, bytes]]:
    """Yield the regular files of root in ``directory`` and their beginnings; none where others can put files."""
    with contextlib.suppress(OSError), _paths.open_directory(directory) as place:
        for name in place.names() if place.is_roots else []:
            with contextlib.suppress(OSError):
                if _is_own(place, name):
                    yield os.path.join(directory, name), place.head(name, most)


def _is_own(place: Place, name: str) -> bool:
    status = place.status(name)
    return status is not None and stat.S_ISREG(status.st_mode) and status.st_uid in (0, os.getuid())
