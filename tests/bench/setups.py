# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import DIRECTORY, HOST, forget_tasks
from tests.fleet import on_host
from tests.runs import ROOT, SITE

FILES = Path(__file__).parent / "files"
INVENTORY = Path(__file__).parent / "inventory"
DIRECTORIES = ("/var/run/celery", "/var/log/celery")


@dataclass(frozen=True)
class Setup:
    """A way to run Celery under systemd."""

    title: str
    workers: tuple[str, ...]
    nodes: int
    queue: str
    beat: str = ""
    trees: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    deploy: str = "restart"

    def files(self) -> list[str]:
        """Return the files of its trees, as a host sees them."""
        trees = [FILES / tree for tree in self.trees]
        return [f"/{path.relative_to(tree)}" for tree in trees for path in tree.rglob("*") if path.is_file()]


SETUPS = (
    Setup(
        "clinicedc",
        ("celery.live.service",),
        2,
        "celery",
        beat="celerybeat.service",
        trees=("clinicedc",),
        by_hand=DIRECTORIES,
    ),
    Setup(
        "django-deployment.com",
        ("celery.service",),
        1,
        "celery",
        beat="celerybeat.service",
        trees=("django-deployment",),
    ),
    Setup(
        "Sam Hooke, forking (Celery's manual)",
        ("celery.service",),
        1,
        "my-queue",
        trees=("hooke-forking",),
        by_hand=DIRECTORIES,
    ),
    Setup(
        "Sam Hooke, simple",
        ("celery.service",),
        1,
        "my-queue",
        trees=("hooke-simple",),
        by_hand=DIRECTORIES[1:],
    ),
    Setup(
        "the same, corrected for Celery 5",
        ("celery.service",),
        1,
        "my-queue",
        trees=("hooke-simple", "hooke-simple-celery5"),
        by_hand=DIRECTORIES[1:],
    ),
    Setup(
        "this collection",
        ("celery-live-w1.service", "celery-live-w2.service"),
        2,
        "celery",
        beat="celery-live-beat.service",
        deploy="reload",
    ),
)


@contextmanager
def installed(setup: Setup) -> Iterator[None]:
    """Start a set-up on the host, enabled at boot, and remove it at the end."""
    directories = (DIRECTORY, *setup.by_hand)
    on_host(HOST, "install", "--directory", "--mode=0755", "--owner=live", "--group=live", *directories)
    for tree in setup.trees:
        subprocess.run(["podman", "cp", f"{FILES / tree}/.", f"{HOST}:/"], check=True)
    if not setup.trees:
        site = ["ansible-playbook", str(ROOT / SITE), "--inventory", str(INVENTORY)]
        subprocess.run(site, check=True)
    units = [unit for unit in (*setup.workers, setup.beat) if unit]
    on_host(HOST, "systemctl", "daemon-reload")
    on_host(HOST, "systemctl", "enable", *units)
    on_host(HOST, "systemctl", "start", "--no-block", *units)
    try:
        yield
    finally:
        on_host(HOST, "systemctl", "disable", "--now", *units)
        on_host(HOST, "rm", "--recursive", "--force", DIRECTORY, *DIRECTORIES, *setup.files())
        on_host(HOST, "systemctl", "daemon-reload")
        on_host(HOST, "systemctl", "reset-failed")
        forget_tasks()
