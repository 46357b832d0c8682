# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces that hosts live in.

Inside a world the directories in which podman and Ansible keep their state belong to it alone. So there is no container
to mistake for somebody else's, and nothing of an earlier run to trip over.

The machine's /sys/fs/cgroup is used as it is where it is cgroup2. Where it is the older hybrid of both versions, which
crun refuses, a cgroup2 is mounted over it inside the world.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tests.hosts.files import ENVIRONMENT, PACKAGES, bridge, ports, subnet, write_files
from tests.hosts.images import CACHE
from tests.hosts.say import say

CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWPID = 0x20000000
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Lock:
    """The lock file of a world: locked while the world exists, and holds the PID of its first process."""

    def __init__(self, name: str) -> None:
        """Open the lock file of the world ``name``."""
        CACHE.mkdir(parents=True, exist_ok=True)
        self.file: TextIO = (CACHE / f"{name}.lock").open("a+")

    def take(self, *, wait: bool) -> bool:
        """Return whether the lock was taken; wait for it if asked to."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, pid: int) -> None:
        """Leave the PID for those who want to enter."""
        self.file.truncate(0)
        self.file.write(str(pid))
        self.file.flush()

    def holder(self) -> int | None:
        """Return the PID of the world's first process, or None if there is no such world."""
        if self.take(wait=False):
            fcntl.flock(self.file, fcntl.LOCK_UN)
            return None
        self.file.seek(0)
        return int(self.file.read() or 0) or None


def inside(name: str, work: Callable[[], int]) -> int:
    """Make the world ``name``, do ``work`` in it and remove it with all that was started in it.

    Returns the exit status of ``work``. Waits while another process holds a world of this name.
    """
    lock = Lock(name)
    if not lock.take(wait=False):
        say(f"the hosts of another run ({name}) are still up, waiting for its end")
        lock.take(wait=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID) != 0:
        raise SystemExit(f"hosts: cannot make namespaces: {os.strerror(ctypes.get_errno())}")
    first = os.fork()
    if first == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os._exit(_first_process(name, work))
    lock.write(first)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGTERM))
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])


def _first_process(name: str, work: Callable[[], int]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.update(ENVIRONMENT)
    try:
        _furnish(name)
        return work()
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        say(str(error.code))
        return 1
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _clear(name)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _furnish(name: str) -> None:
    _mount("--make-rprivate", "/")
    _mount("-t", "proc", "proc", "/proc")
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=True)
        _mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    for path in ("/run/containers", "/run/libpod", "/run/netns", "/run/crun", "/etc/containers/networks"):
        Path(path).mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "tmpfs", path)
    PACKAGES.mkdir(parents=True, exist_ok=True)
    _remove(name)
    storage(name).mkdir(parents=True)
    Path("/var/lib/containers").mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(storage(name)), "/var/lib/containers")
    write_files(name)
    _build_bridge(name)


def _build_bridge(name: str) -> None:
    """Make the bridge of a world before podman does, with an address of its own and a port that stays.

    Otherwise its address is that of one of its ports and changes when hosts reboot: names do not resolve for a minute
    on the others then, until they ask for the address of their gateway again.
    """
    link, port = bridge(name), ports(name)[0]
    for command in (
        ("link", "add", link, "address", "02:00:00:00:00:01", "type", "bridge"),
        ("address", "add", f"{subnet(name)}.1/24", "dev", link),
        ("link", "add", port, "type", "veth", "peer", "name", ports(name)[1]),
        ("link", "set", port, "master", link),
        ("link", "set", link, "up"),
    ):
        subprocess.run(["ip", *command], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _clear(name: str) -> None:
    subprocess.run(["podman", "rm", "--all", "--force", "--time=0"], capture_output=True, check=False)
    # Podman may have left its storage mounted; there is nothing to unmount in a world that could not be furnished.
    subprocess.run(["umount", "--recursive", "--lazy", "/var/lib/containers"], capture_output=True, check=False)
    _remove(name)


def _remove(name: str) -> None:
    """Remove what outlives the processes of a world, even those that were killed."""
    with suppress(FileNotFoundError):
        shutil.rmtree(storage(name))
    for link in (bridge(name), ports(name)[0]):
        if Path(f"/sys/class/net/{link}").exists():
            subprocess.run(["ip", "link", "delete", link], check=False)


def storage(name: str) -> Path:
    """Return where the containers of a world lie on the machine's disk."""
    return CACHE / "worlds" / name
