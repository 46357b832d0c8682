# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start hosts in the world that this process is in."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from tests.hosts.enter import command_on
from tests.hosts.images import ensure_images, image_name
from tests.hosts.say import saying

BOOT_SECONDS = 60


def boot(hosts: list[str]) -> None:
    """Boot hosts that are given as ``name=suite``, all at once, and wait until systemd is up on each."""
    named = [host.split("=", 1) for host in hosts]
    ensure_images({suite for name, suite in named})
    with saying(f"booting {', '.join(name for name, suite in named)}"), ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: _boot(host[0], image_name(host[1])), named))


def _boot(name: str, image: str) -> None:
    if subprocess.run(["podman", "container", "exists", name], check=False).returncode == 0:
        return
    command = ["podman", "run", "--detach", "--privileged", "--systemd=always", f"--name={name}", f"--hostname={name}"]
    started = subprocess.run([*command, image, "/sbin/init"], capture_output=True, text=True, check=False)
    if started.returncode != 0:
        raise SystemExit(f"hosts: {name} could not be started\n{started.stderr}")
    wait_until_up(name)


def podman(*arguments: str) -> str:
    """Return what a command of podman prints; CalledProcessError if it fails."""
    return subprocess.run(["podman", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def wait_until_up(name: str) -> None:
    """Wait until systemd has finished its start; a unit that failed does not matter here."""
    until = time.monotonic() + BOOT_SECONDS
    state = ""
    while time.monotonic() < until:
        asked = command_on(name, ["systemctl", "is-system-running"])
        state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if state in {"running", "degraded"}:
            return
        time.sleep(0.2)
    raise SystemExit(f"hosts: {name} did not boot within {BOOT_SECONDS} s: systemd says {state or 'nothing'}")
