# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base image of the hosts: Debian with systemd, made by mmdebstrap, kept in an image store for all worlds."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hosts.say import saying

SUITES = ("bookworm", "trixie")
CACHE = Path("/var/cache/stalk-hosts")
STORE = CACHE / "images"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "python3-venv",
    "procps",
    "iproute2",
    "sudo",
    "ca-certificates",
    "tzdata",
    "less",
    "logrotate",
    "openssh-server",
    "redis-server",
    "faketime",
)
TIMERS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "logrotate.timer",
)
OPTIONS = (
    "--variant=minbase",
    f"--include={','.join(PACKAGES)}",
    # A host starts what the test asks for, and gets an identity of its own.
    '--customize-hook=chroot "$1" systemctl disable redis-server.service ssh.service',
    # podman makes /run writable for all, which no real host has: anybody could create /run/celery there.
    '--customize-hook=echo "z /run 0755 root root" > "$1/etc/tmpfiles.d/run.conf"',
    # A container may not load kernel modules.
    '--customize-hook=chroot "$1" systemctl mask systemd-modules-load.service',
    # Nothing but the tests and the collection changes a file.
    f'--customize-hook=chroot "$1" systemctl mask {" ".join(TIMERS)}',
    '--customize-hook=: > "$1/etc/machine-id"',
)


def suite_of(suite: str) -> str:
    """Return the Debian release of a host: the one that it asks for, unless STALK_SUITE names one for all hosts."""
    return os.environ.get("STALK_SUITE") or suite


def image_name(suite: str) -> str:
    """Return the image of a Debian release, or the one that STALK_IMAGE names: with systemd, sshd, Python and sudo."""
    recipe = hashlib.sha256(json.dumps(OPTIONS).encode()).hexdigest()[:8]
    return os.environ.get("STALK_IMAGE") or f"localhost/stalk-host:{suite_of(suite)}-{recipe}"


def _podman(*arguments: str) -> int:
    command = ["podman", "--root", str(STORE), "--runroot", "/run/containers/images", *arguments]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


def ensure_images(suites: Iterable[str]) -> None:
    """Make those images that the store does not have, all at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_ensure_image, {suite_of(suite) for suite in suites}))


def _ensure_image(suite: str) -> None:
    name = image_name(suite)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"image-{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _podman("image", "exists", name) != 0:
            if "STALK_IMAGE" in os.environ:
                _pull(name)
            else:
                _build(suite, name)


def _pull(name: str) -> None:
    with saying(f"pulling {name}"):
        if _podman("pull", "--quiet", name) != 0:
            raise SystemExit(f"hosts: the image {name} that STALK_IMAGE names cannot be pulled")


def _build(suite: str, name: str) -> None:
    with saying(f"building the image of {suite}"), tempfile.TemporaryDirectory(dir=CACHE) as directory:
        archive = f"{directory}/{suite}.tar"
        built = subprocess.run(["mmdebstrap", *OPTIONS, suite, archive], capture_output=True, text=True, check=False)
        if built.returncode != 0 or _podman("import", "--quiet", archive, name) != 0:
            raise SystemExit(f"hosts: the image of {suite} could not be built\n{built.stderr}")
