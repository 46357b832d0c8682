# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine needs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence

from tests.hosts.images import CACHE
from tests.hosts.say import saying

PACKAGES = (
    "podman",
    "crun",
    "netavark",
    "aardvark-dns",
    "iptables",
    "iproute2",
    "uidmap",
    "mmdebstrap",
    "debian-archive-keyring",
    "openssh-client",
    "python3-venv",
)
KEPT = ("PATH", "VIRTUAL_ENV", "STALK_IMAGE", "STALK_SUITE")


def become_root() -> None:
    """Start this program again through sudo, unless it is root already."""
    if os.geteuid() != 0:
        keep = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
        os.execvp("sudo", ["sudo", "-E", "-H", "env", *keep, sys.executable, "-m", "tests.hosts", *sys.argv[1:]])


def missing_packages(packages: Sequence[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages]
    lines = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    return [package for package in packages if f"{package} installed" not in lines]


def install_missing_packages(packages: Sequence[str] = PACKAGES) -> None:
    """Install what is missing, with apt-get."""
    if not missing_packages(packages):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "packages.lock").open("w") as lock:
        # Of two runs that begin at the same time the second has nothing left to install.
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = missing_packages(packages)
        if missing:
            with saying(f"installing {', '.join(missing)}"):
                apt_get("update")
                apt_get("install", "--yes", "--no-install-recommends", *missing)


def apt_get(*arguments: str) -> None:
    """Run apt-get without questions."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=300"]  # for another program that installs
    subprocess.run(["apt-get", "-qq", *wait, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
