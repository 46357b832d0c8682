# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system as the modules use it: look, write whole files or nothing, remember when."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import stat
import time
from typing import Callable, Container, Iterable, Iterator

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._files import (
    Attributes,
    Directory,
    Found,
    Plan,
    Wanted,
    is_stray,
)

Label = Callable[[str, str], None]

STAMPS = "/run/stalk.celery"
_HEAD = 4096


def look(path: str) -> Found | None:
    """What is at C(path), or None where there is nothing. For a link: what it is, with the attributes of its target."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return Found("file", attributes(status), file.read())
    if stat.S_ISLNK(status.st_mode):
        with contextlib.suppress(OSError):
            status = os.stat(path)
        return Found("link", attributes(status), target=os.readlink(path))
    return Found("directory" if stat.S_ISDIR(status.st_mode) else "special file", attributes(status))


def look_at(paths: Iterable[str]) -> dict[str, Found]:
    """What exists of C(paths)."""
    looked = ((path, look(path)) for path in paths)
    return {path: found for path, found in looked if found is not None}


def attributes(status: os.stat_result) -> Attributes:
    """Owner, group and mode, by name where the ids have names."""
    owner, group = str(status.st_uid), str(status.st_gid)
    with contextlib.suppress(KeyError):
        owner = pwd.getpwuid(status.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(status.st_gid).gr_name
    return Attributes(owner, group, stat.S_IMODE(status.st_mode))


def unknown_accounts(wanted: Iterable[Wanted]) -> list[str]:
    """A sentence for every owner and group of C(wanted) that this host does not have."""
    items = list(wanted)
    return [
        f"{kind} {name!r} of {', '.join(paths)} does not exist on this host."
        for kind, lookup, names in (
            ("user", pwd.getpwnam, [(item.attributes.owner, item.path) for item in items]),
            ("group", grp.getgrnam, [(item.attributes.group, item.path) for item in items]),
        )
        for name in sorted({name for name, _path in names})
        if not is_known(lookup, name)
        for paths in [[path for owner, path in names if owner == name]]
    ]


def is_known(lookup: Callable[[str], object], name: str) -> bool:
    """Whether C(lookup), one of the functions of pwd and grp, finds C(name)."""
    try:
        lookup(name)
    except KeyError:
        return False
    return True


def apply(changes: Plan, label: Label) -> None:
    """Carry out C(changes)."""
    for directory in changes.make:
        make_directory(directory, label)
    for item in changes.adjust:
        adjust(item.path, item.attributes)
    for unit in changes.restart:
        stamp(unit)
    for file in changes.write:
        make_parents(file.path, label)
        replace(file.path, file.content, file.attributes, label)
    for unit in changes.restart:
        stamp(unit)


def labeller(module: AnsibleModule) -> Label:
    """What gives a new file the SELinux context that the policy has for its final path, where there is SELinux."""

    def label(temporary: str, path: str) -> None:
        module.set_context_if_different(temporary, module.selinux_default_context(path), False)

    return label


def make_directory(item: Directory, label: Label) -> None:
    """Make a directory; missing parents belong to root with mode 0755, whatever the umask."""
    make_parents(item.path, label)
    os.mkdir(item.path, 0o700)
    label(item.path, item.path)
    adjust(item.path, item.attributes)


def make_parents(path: str, label: Label) -> None:
    """Make what is missing above C(path)."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        make_parents(parent, label)
        os.mkdir(parent, 0o755)
        os.chmod(parent, 0o755)
        label(parent, parent)


def adjust(path: str, wanted: Attributes) -> None:
    """Set owner, group and mode of what is at C(path); a link is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _adjust(descriptor, wanted)
    finally:
        os.close(descriptor)


def _adjust(descriptor: int, wanted: Attributes) -> None:
    os.fchown(descriptor, pwd.getpwnam(wanted.owner).pw_uid, grp.getgrnam(wanted.group).gr_gid)
    os.fchmod(descriptor, wanted.mode)


def replace(path: str, content: bytes, wanted: Attributes, label: Label) -> None:
    """Put C(content) at C(path) in one step: readers see the old file or the new one, whole, with its final attributes.

    The temporary file has a fixed name, so what a killed run left is replaced by the next one.
    """
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.stalk-celery")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with naming(path), os.fdopen(descriptor, "wb") as file:
            file.write(content)
            _adjust(file.fileno(), wanted)
            file.flush()
            os.fsync(file.fileno())
        label(temporary, path)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Say C(path) in an OSError that does not name a file, as those of write(2) and fsync(2)."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


def stamp(unit: str) -> None:
    """Note that files of C(unit) change now, in microseconds of CLOCK_MONOTONIC."""
    os.makedirs(STAMPS, 0o755, exist_ok=True)
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    me = Attributes(pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name, 0o600)
    replace(os.path.join(STAMPS, unit), f"{now}\n".encode(), me, lambda temporary, path: None)


def stamps(units: Iterable[str]) -> dict[str, int]:
    """When files of C(units) changed last since the host booted, in microseconds of CLOCK_MONOTONIC."""
    result = {}
    for unit in units:
        path = os.path.join(STAMPS, unit)
        with contextlib.suppress(FileNotFoundError, ValueError), open(path, encoding="ascii") as file:
            result[unit] = int(file.read())
    return result


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other process of this host is in here."""
    os.makedirs(STAMPS, 0o755, exist_ok=True)
    descriptor = os.open(STAMPS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def forget(units: Iterable[str]) -> None:
    """Remove what was noted of C(units)."""
    for unit in units:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(STAMPS, unit))


def strays(
    directories: Iterable[str], owners: Iterable[str], wanted: Container[str], keep: Container[str] = ()
) -> list[str]:
    """Regular files directly in C(directories) that C(owners) wrote, but not at paths that are C(wanted).

    Nor with markers that are to C(keep).
    """
    prefixes = list(owners)
    return sorted(
        entry.path
        for directory in sorted(set(directories))
        for entry in _entries(directory)
        if entry.is_file(follow_symlinks=False) and entry.path not in wanted
        if is_stray(_head(entry.path), prefixes, keep)
    )


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as scan:
            return list(scan)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES):
            return b""
        raise
