# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces that hosts live in, and what podman finds there.

Inside a world /var/lib/containers, /run/containers, /run/libpod and /etc/containers/networks belong to it alone. So
there is no container to mistake for somebody else's, and nothing of an earlier run to trip over.

The machine's /sys/fs/cgroup is used as it is where it is cgroup2. Where it is the older hybrid of both versions, which
crun refuses, a cgroup2 is mounted over it inside the world.
"""
from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from tests.hosts.images import CACHE, STORE, SUITES, image_name
from tests.hosts.say import say

CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWPID = 0x20000000
PR_SET_PDEATHSIG = 1  # linux/prctl.h

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = CACHE / "packages"
PIP_CONF = Path("/run/containers/pip.conf")
UV_TOML = Path("/run/containers/uv.toml")
SHARED = {
    CERTIFICATES: "/etc/ssl/certs/ca-certificates.crt",
    PIP_CONF: "/etc/pip.conf",
    UV_TOML: "/etc/uv/uv.toml",
    PACKAGES: "/mnt/packages",
    Path(__file__).parents[1] / "project": "/mnt/project",
    Path(sys.prefix) / "bin" / "uv": "/mnt/uv",
}
NETWORK = "hosts"
ENVIRONMENT = {
    "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]]),
    "CONTAINERS_CONF": "/run/containers/containers.conf",
    "MOLECULE_EPHEMERAL_DIRECTORY": "/run/containers/molecule",
    "CONTAINERS_STORAGE_CONF": "/run/containers/storage.conf",
    **{f"STALK_IMAGE_{suite.upper()}": image_name(suite) for suite in SUITES},
}


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
    storage = CACHE / name
    shutil.rmtree(storage, ignore_errors=True)
    storage.mkdir(parents=True)
    Path("/var/lib/containers").mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(storage), "/var/lib/containers")
    _remove_bridge(name)
    Path(f"/etc/containers/networks/{NETWORK}.json").write_text(json.dumps(network(name)), encoding="utf-8")
    if CERTIFICATES.exists():
        PIP_CONF.write_text(f"[global]\ncert = {CERTIFICATES}\n", encoding="utf-8")
        UV_TOML.write_text("native-tls = true\n", encoding="utf-8")
    Path(ENVIRONMENT["CONTAINERS_CONF"]).write_text(containers_conf(), encoding="utf-8")
    Path(ENVIRONMENT["CONTAINERS_STORAGE_CONF"]).write_text(storage_conf(), encoding="utf-8")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _clear(name: str) -> None:
    subprocess.run(["podman", "rm", "--all", "--force", "--time=0"], capture_output=True, check=False)
    _remove_bridge(name)


def bridge(name: str) -> str:
    """Return the network interface of a world; the kernel allows 15 characters."""
    return f"stalk-{name}"[:15]


def _remove_bridge(name: str) -> None:
    if Path(f"/sys/class/net/{bridge(name)}").exists():
        subprocess.run(["ip", "link", "delete", bridge(name)], check=False)


def network(name: str) -> dict[str, object]:
    """Return podman's definition of a world's network: names resolve in it, and it reaches the outside.

    The shape is that of ``podman network inspect``, podman-network-inspect(1).
    """
    subnet = f"10.77.{zlib.crc32(name.encode()) % 256}"
    return {
        "name": NETWORK,
        "id": f"{zlib.crc32(name.encode()):064x}",
        "driver": "bridge",
        "network_interface": bridge(name),
        "created": "2026-01-01T00:00:00Z",
        "subnets": [{"subnet": f"{subnet}.0/24", "gateway": f"{subnet}.1"}],
        "ipv6_enabled": False,
        "internal": False,
        "dns_enabled": True,
        "ipam_options": {"driver": "host-local"},
    }


def containers_conf() -> str:
    """Return containers.conf(5): what every host sees of the machine, and limits that a machine in a cage can give.

    A host sees the machine's certificates, a cache of Python packages, the sample project and uv, none of them in a
    place where the collection would look.
    """
    volumes = [f"{source}:{target}" for source, target in SHARED.items() if source.exists()]
    return "\n".join((
        "[containers]",
        "pids_limit = 0",
        'default_ulimits = ["nofile=8192:16384", "nproc=8192:16384"]',
        f"volumes = {json.dumps(volumes)}",
        "[network]",
        'network_backend = "netavark"',
        f'default_network = "{NETWORK}"',
        "[engine]",
        'cgroup_manager = "cgroupfs"',
        'events_logger = "file"',
        'runtime = "crun"',
        "stop_timeout = 1",
        "",
    ))


def storage_conf() -> str:
    """Return containers-storage.conf(5): a storage of the world's own, and the images of all."""
    return "\n".join((
        "[storage]",
        'driver = "overlay"',
        'graphroot = "/var/lib/containers/storage"',
        'runroot = "/run/containers/storage"',
        "[storage.options]",
        f'additionalimagestores = ["{STORE}"]',
        "",
    ))
