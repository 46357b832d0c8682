# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way by which root reads, writes and removes: from directory to directory, never by a path that others bend.

A directory is root's where root owns it and nobody else can write it, all the way up from ``/``. What stands there is
root's word, a symbolic link too. Everywhere else no link is followed, and the work is done as the directory's owner.
Without root's privileges, what belongs to the user of this process counts as root's.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import grp
import os
import pwd
import secrets
import stat
import tempfile
import threading
import time
from typing import Callable, Iterator, Sequence

Label = Callable[[str, str], None]

MOST_BYTES = 64 * 1024 * 1024
MOST_NAMES = 100_000
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40
_ACL = "system.posix_acl_access"
# Groups to which distributions give directories of the system, as Ubuntu's /var/log and Debian's /usr/local.
_GROUPS_OF_THE_SYSTEM = ("root", "staff", "adm", "syslog")
_GROUPS_OF_PEOPLE = 1000  # and above, login.defs(5): a group staff of the company's directory is among them


class Place:
    """An open directory: ``path`` is where it really is, and ``is_roots`` whether nobody but root can change it."""

    def __init__(self, descriptor: int, path: str, above: Place | None) -> None:
        self.descriptor = descriptor
        self.path = path
        self.owner_status = os.fstat(descriptor)
        self._is_safe = above is None or above.holds_roots
        self.is_roots = self._is_safe and _is_roots(descriptor, self.owner_status)

    def __str__(self) -> str:
        return f"{self.path} belongs to {owner(self.owner_status)}"

    @property
    def holds_roots(self) -> bool:
        """Whether what root has here stays what it is: also in ``/tmp``, where nobody can rename what is another's."""
        is_sticky = self.owner_status.st_uid == 0 and bool(self.owner_status.st_mode & stat.S_ISVTX)
        return self.is_roots or (self._is_safe and is_sticky)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Look in here: as the owner where it is not root's."""
        with acting_as(0 if self.is_roots else self.owner_status.st_uid, self.owner_status.st_gid):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Change what is in here: as the owner where it is not root's. Raises PermissionError where that is root."""
        if not self.is_roots and self.owner_status.st_uid in (0, os.getuid()):
            raise PermissionError(errno.EPERM, f"{self}, and others than the owner can write there", self.path)
        with self.reading():
            yield

    def is_writable(self, uid: int, gid: int) -> bool:
        """Return whether user ``uid``, who is in group ``gid`` too, can make files in here."""
        with acting_as(uid, gid, more=[gid]):
            return os.access(".", os.W_OK | os.X_OK, dir_fd=self.descriptor, effective_ids=True)

    def is_open(self, name: str) -> bool:
        """Return whether root can change ``name``: it is not immutable, and its file system not mounted read-only."""
        return not self.is_roots or os.access(name, os.W_OK, dir_fd=self.descriptor)

    def status(self, name: str) -> os.stat_result | None:
        """Return what ``name`` is in here, itself where it is a link; None where there is nothing."""
        try:
            with self.reading():
                return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def target(self, name: str) -> str:
        """Return where the link ``name`` leads to. Raises OSError if it is none."""
        with self.reading():
            return os.readlink(name, dir_fd=self.descriptor)

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """Return the content of the regular file ``name``. Raises OSError for anything else and for a long one."""
        with self.reading():
            descriptor = os.open(name, _READ, dir_fd=self.descriptor)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            content = file.read(most + 1)
        if len(content) > most:
            raise OSError(errno.EFBIG, f"more than {most} bytes")
        return content

    def head(self, name: str, most: int) -> bytes:
        """Return the beginning of the regular file ``name``."""
        with self.reading():
            descriptor = os.open(name, _READ, dir_fd=self.descriptor)
        with open(descriptor, "rb") as file:
            return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""

    def names(self, most: int = MOST_NAMES) -> list[str]:
        """Return what is in here, at most so many names."""
        with self.opened() as descriptor:
            return _names(descriptor, most)

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Open a descriptor of the directory itself, which can be listed and locked."""
        with self.reading():
            descriptor = os.open(".", _LIST, dir_fd=self.descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def give(self, name: str, uid: int, gid: int, mode: int) -> None:
        """Give file ``name`` another owner, group and mode. Raises PermissionError where this is not root's."""
        if not self.is_roots:
            raise PermissionError(errno.EPERM, str(self))
        descriptor = os.open(name, _READ, dir_fd=self.descriptor)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise PermissionError(errno.EPERM, f"it is no file of its own, but {owner(status)}")
            _give(descriptor, uid, gid, mode)
        finally:
            os.close(descriptor)

    def replace(self, name: str, content: bytes, uid: int, gid: int, mode: int, label: Label) -> None:
        """Put ``content`` at ``name`` in one step: readers see the old file or the new one, with its final attributes.

        The temporary file has a fixed name, so what a killed run left is replaced by the next one.
        """
        temporary = f".{name}.stalk-celery"
        with self.writing():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self.descriptor)
            descriptor = os.open(temporary, _CREATE, 0o600, dir_fd=self.descriptor)
            try:
                with open(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    _give(descriptor, uid, gid, mode)
                    os.fsync(descriptor)
                self._label(temporary, name, label)
                os.replace(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self.descriptor)
                raise

    def link(self, name: str, target: str) -> None:
        """Have the link ``name`` lead to ``target``, in one step. Raises OSError if ``name`` is anything but a link."""
        temporary = f".{name}.stalk-celery"
        with self.linking(name) as before:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self.descriptor)
            os.symlink(target, temporary, dir_fd=self.descriptor)
            if self.is_roots and before is not None:
                os.chown(temporary, before.st_uid, before.st_gid, dir_fd=self.descriptor, follow_symlinks=False)
            os.replace(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def check_link(self, name: str) -> None:
        """Raise the OSError that ``link`` would raise before it does anything."""
        with self.linking(name):
            pass

    @contextlib.contextmanager
    def linking(self, name: str) -> Iterator[os.stat_result | None]:
        """Do as ``writing``; where a group can write to root's directory, as the member who made the link ``name``.

        Gives what ``name`` is. Raises OSError if that is anything but a link.
        """
        before = self.status(name)
        if before is not None and not stat.S_ISLNK(before.st_mode):
            raise OSError(errno.EINVAL, "it is not a symbolic link any more")
        is_shared = not self.is_roots and self.owner_status.st_uid == 0
        if is_shared and before is not None and before.st_uid != 0:
            with acting_as(before.st_uid, before.st_gid):
                yield before
        else:
            with self.writing():
                yield before

    def make(self, name: str, uid: int, gid: int, mode: int, label: Label) -> None:
        """Make the directory ``name``, which must not exist. Where this one is not root's, it belongs to the same user.

        Raises PermissionError if it would have to belong to somebody else.
        """
        with self.writing():
            os.mkdir(name, 0o700, dir_fd=self.descriptor)
            try:
                descriptor = os.open(name, _LIST, dir_fd=self.descriptor)
                try:
                    self._label(name, name, label)
                    _give(descriptor, uid, gid, mode)
                finally:
                    os.close(descriptor)
            except BaseException:
                os.rmdir(name, dir_fd=self.descriptor)
                raise

    def unlink(self, name: str) -> None:
        """Remove ``name``, which is no directory."""
        with self.writing():
            os.unlink(name, dir_fd=self.descriptor)

    def remove_tree(self, name: str, seconds: float) -> None:
        """Remove the directory ``name`` and all that is below, whoever it belongs to; no link is followed.

        Deep directories come up first, so the depth does not matter. Raises OSError for another file system below it,
        and TimeoutError if somebody goes on filling it.
        """
        deadline = time.monotonic() + seconds
        with self.writing():
            top = os.open(name, _LIST, dir_fd=self.descriptor)
            try:
                if _mount(top) != _mount(self.descriptor):
                    raise OSError(errno.EXDEV, "a file system is mounted on it")
                _empty(top, deadline)
            finally:
                os.close(top)
            os.rmdir(name, dir_fd=self.descriptor)

    def _label(self, temporary: str, name: str, label: Label) -> None:
        """Have the policy's SELinux context given; where it is not root's, the kernel gives one."""
        if self.is_roots:
            label(os.path.join(self.path, temporary), os.path.join(self.path, name))


def _empty(top: int, deadline: float) -> None:
    """Remove all that is in ``top``. What lies deeper is moved up into it before."""
    while True:
        names = _names(top)
        if not names:
            return
        for name in names:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "it is being filled faster than it can be removed")
            if not _remove(top, name):
                _raise_up(top, name, deadline)


def _remove(directory: int, name: str) -> bool:
    """Remove ``name``; False for a directory that is not empty."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return True
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
    return True


def _raise_up(top: int, name: str, deadline: float) -> None:
    """Move the directories in directory ``name`` of ``top`` up into it, and remove all else."""
    try:
        inner = os.open(name, _LIST, dir_fd=top)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if _mount(inner) != _mount(top):
            raise OSError(errno.EXDEV, f"another file system is mounted on {name!r} in it")
        for below in _names(inner):
            if time.monotonic() > deadline:
                return
            if not _remove(inner, below):
                os.rename(below, f".{secrets.token_hex(16)}", src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)


def _names(descriptor: int, most: int = MOST_NAMES) -> list[str]:
    with os.scandir(descriptor) as scan:
        return [entry.name for _number, entry in zip(range(most), scan)]


def _mount(descriptor: int) -> str:
    """Return the mount of an open file, which a bind mount of the same file system has of its own."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
        return next((line for line in file if line.startswith("mnt_id:")), "")


def _give(descriptor: int, uid: int, gid: int, mode: int) -> None:
    """Set owner, group and mode. A user who is not in the group keeps the own one."""
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (uid, gid):
        try:
            os.fchown(descriptor, uid, gid)
        except PermissionError:
            if os.geteuid() == 0 or status.st_uid != uid:
                raise
    os.fchmod(descriptor, mode)


def acting_as(uid: int, gid: int, more: Sequence[int] = ()) -> contextlib.AbstractContextManager[None]:
    """Be user ``uid`` for a moment, with that user's groups and ``more``, or with ``gid`` where there is no such user.

    What ``acting_with`` says of threads is true of it too.
    """
    if uid == 0:
        return contextlib.nullcontext()
    primary, groups = _groups(uid, gid)
    return acting_with(uid, primary, [*groups, *more])


@contextlib.contextmanager
def acting_with(uid: int, gid: int, groups: Sequence[int]) -> Iterator[None]:
    """Be user ``uid`` for a moment, in ``gid`` and in ``groups`` and in no other.

    All threads of the process are that user then, and so is what they start: only the main thread does it, while no
    other one works. Raises RuntimeError in another one. Who is not root stays who they are.
    """
    if uid == 0:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("only the main thread may act as another user")
    if os.getuid() != 0:
        yield
        return
    before = (os.getegid(), os.getgroups())
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def _groups(uid: int, gid: int) -> tuple[int, list[int]]:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return gid, [gid]
    return entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)


def _is_roots(descriptor: int, status: os.stat_result) -> bool:
    if status.st_uid not in (0, os.getuid()) or status.st_mode & stat.S_IWOTH:
        return False
    if not status.st_mode & stat.S_IWGRP:
        return True
    return status.st_gid in _system_gids() and not _has_acl(descriptor)


@functools.lru_cache(maxsize=None)
def _system_gids() -> frozenset[int]:
    """Ask for each by its name: a company's directory may have a hundred thousand others."""
    gids = set()
    for name in _GROUPS_OF_THE_SYSTEM:
        with contextlib.suppress(KeyError):
            gids.add(grp.getgrnam(name).gr_gid)
    return frozenset(gid for gid in gids if gid < _GROUPS_OF_PEOPLE)


def _has_acl(descriptor: int) -> bool:
    """Return whether more users have rights than the mode tells, whose group bits are then those of all of them."""
    try:
        os.getxattr(f"/proc/self/fd/{descriptor}", _ACL)
    except OSError:
        return False
    return True


def owner(status: os.stat_result) -> str:
    """Owner, group and mode for a message, as ``root:adm 0755``."""
    return f"{':'.join(names_of(status.st_uid, status.st_gid))} {stat.S_IMODE(status.st_mode):04o}"


def names_of(uid: int, gid: int) -> tuple[str, str]:
    """Return the names of a user and of a group, or the numbers where they have none."""
    user, group = str(uid), str(gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(gid).gr_name
    return user, group


class _Walk:
    """The way from ``/`` down, one directory after the other; all of them stay open until it is over."""

    def __init__(self) -> None:
        self._places = [Place(os.open("/", _STEP), "/", None)]
        self._links = 0

    def close(self) -> None:
        while self._places:
            os.close(self._places.pop().descriptor)

    @property
    def place(self) -> Place:
        return self._places[-1]

    def go(self, path: str) -> list[str]:
        """Go to ``path``; returns those of its parts that do not exist. Raises OSError where there is no way."""
        if not path.startswith("/"):
            raise OSError(errno.EINVAL, "not an absolute path", path)
        rest = _parts(path)
        while rest:
            with with_filename(os.path.join(self.place.path, rest[0])):
                try:
                    rest = self._step(rest[0]) + rest[1:]
                except FileNotFoundError:
                    return rest
        return []

    def _step(self, name: str) -> list[str]:
        """Go into ``name``; returns the parts of the way that are to be gone instead, where it is a link of root."""
        if name == "..":
            if len(self._places) > 1:
                os.close(self._places.pop().descriptor)
            return []
        place = self.place
        try:
            with place.reading():
                descriptor = os.open(name, _STEP, dir_fd=place.descriptor)
        except NotADirectoryError:
            return self._follow(name)
        self._places.append(Place(descriptor, os.path.join(place.path, name), place))
        return []

    def _follow(self, name: str) -> list[str]:
        status = self.place.status(name)
        if status is None or not stat.S_ISLNK(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not self.place.is_roots:
            raise OSError(errno.ELOOP, f"it is a symbolic link, which is not followed, since {self.place}")
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = self.place.target(name)
        if target.startswith("/"):
            while len(self._places) > 1:
                os.close(self._places.pop().descriptor)
        return _parts(target)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


@contextlib.contextmanager
def with_filename(path: str) -> Iterator[None]:
    """Say ``path`` in an OSError that names no file, or only its last part."""
    try:
        yield
    except OSError as error:
        if str(error.filename or "").startswith("/"):
            raise
        raise OSError(error.errno, error.strerror, path) from error


@contextlib.contextmanager
def open_directory(path: str) -> Iterator[Place]:
    """Open the directory ``path``. Raises OSError without one, or where somebody else could have bent the way."""
    with nearest(path) as (place, missing):
        if missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        yield place


@contextlib.contextmanager
def nearest(path: str) -> Iterator[tuple[Place, list[str]]]:
    """Open the last directory on the way to ``path`` that exists; gives also the parts that are missing."""
    walk = _Walk()
    try:
        missing = walk.go(path)
        yield walk.place, missing
    finally:
        walk.close()


@contextlib.contextmanager
def parent(path: str) -> Iterator[tuple[Place, str]]:
    """Open the directory of ``path``; gives also the last part of it. Errors in here name ``path``."""
    name = os.path.basename(path)
    if name in ("", ".", ".."):
        raise OSError(errno.EINVAL, "not a name", path)
    with open_directory(os.path.dirname(path)) as place, with_filename(path):
        yield place, name


def status(path: str) -> os.stat_result | None:
    """Return what is at ``path``, a link itself; None where there is nothing."""
    try:
        with parent(path) as (place, name):
            return place.status(name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def target(path: str) -> str:
    """Return where the link ``path`` leads to, empty where there is none."""
    with contextlib.suppress(OSError), parent(path) as (place, name):
        return place.target(name)
    return ""


def exists(path: str) -> bool:
    """Return whether there is anything at ``path``."""
    return status(path) is not None


def is_directory(path: str) -> bool:
    """Return whether ``path`` leads to a directory."""
    try:
        with open_directory(path):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False


def read(path: str, most: int = MOST_BYTES) -> bytes:
    """Return the content of the regular file ``path``."""
    with parent(path) as (place, name):
        return place.read(name, most)


def read_linked(path: str, most: int = MOST_BYTES) -> bytes:
    """Return the content of the regular file that ``path`` is, or leads to by links in directories of root."""
    for _link in range(_MOST_LINKS):
        with parent(path) as (place, name):
            leads_to = target(os.path.join(place.path, name)) if place.is_roots else ""
            if not leads_to:
                return place.read(name, most)
            path = os.path.join(place.path, leads_to)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def names(path: str) -> list[str]:
    """Return what is in directory ``path``, nothing where there is none."""
    try:
        with open_directory(path) as place:
            return sorted(place.names())
    except (FileNotFoundError, NotADirectoryError):
        return []


def replace(path: str, content: bytes, uid: int, gid: int, mode: int, label: Label) -> None:
    """Put ``content`` at ``path`` in one step."""
    with parent(path) as (place, name):
        place.replace(name, content, uid, gid, mode, label)


def link(path: str, target: str) -> None:
    """Have the link ``path`` lead to ``target``, in one step."""
    with parent(path) as (place, name):
        place.link(name, target)


def check_link(path: str) -> None:
    """Raise the OSError that ``link`` would raise before it does anything."""
    with parent(path) as (place, name):
        place.check_link(name)


def unlink(path: str) -> None:
    """Remove the file ``path``."""
    with parent(path) as (place, name):
        place.unlink(name)


def make_directory(path: str, uid: int, gid: int, mode: int, label: Label) -> bool:
    """Make directory ``path`` and what is missing above it; False, and no change of it, where it exists.

    Missing parents belong to the owner of the directory in which they are made, with mode 0755, whatever the umask.
    """
    with nearest(path) as (place, missing):
        if not missing:
            return False
        made = place.path
        for number, name in enumerate(missing, 1):
            user, group = owner_of_new(place)
            attributes = (uid, gid, mode) if number == len(missing) else (user, group, 0o755)
            with with_filename(os.path.join(made, name)), open_directory(made) as inner:
                inner.make(name, *attributes, label)
            made = os.path.join(made, name)
    return True


def owner_of_new(place: Place) -> tuple[int, int]:
    """To which user and group it belongs what is made in a directory."""
    if place.is_roots:
        return os.getuid(), os.getgid()
    uid = place.owner_status.st_uid
    return uid, _groups(uid, place.owner_status.st_gid)[0]


def remove_tree(path: str, seconds: float = 600) -> None:
    """Remove directory ``path`` and all that is below it."""
    with parent(path) as (place, name):
        place.remove_tree(name, seconds)


@contextlib.contextmanager
def lent(name: str, content: bytes, uid: int, gid: int) -> Iterator[str]:
    """Make a path for a new file ``name`` in a directory that only ``uid`` and root can enter; both go at the end."""
    with tempfile.TemporaryDirectory() as directory, open_directory(directory) as place:
        place.replace(name, content, uid, gid, 0o600, lambda _temporary, _path: None)
        with place.opened() as descriptor:
            os.fchown(descriptor, uid, gid)
        yield os.path.join(directory, name)
