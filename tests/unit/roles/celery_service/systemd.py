# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands for systemd: it starts a process with a notification socket and collects what comes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LIBRARY = Path(__file__).parents[4] / "roles/celery_service/files/usr/local/lib/celery"
SAMPLE = Path(__file__).parent / "project"
TIMEOUT = 1.2


class Unit:
    """A process ``celery <arguments>`` in the sample project, with a watchdog of TIMEOUT seconds."""

    def __init__(self, directory: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "notify"))
        self.journal = directory / "journal"
        variables = {
            **os.environ,
            "NOTIFY_SOCKET": str(directory / "notify"),
            "WATCHDOG_USEC": str(int(TIMEOUT * 1e6)),
            "PYTHONPATH": str(LIBRARY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
            "SAMPLE_DIRECTORY": str(directory),
            **environment,
        }
        command = [str(Path(sys.executable).with_name("celery")), "--app=sample", *arguments]
        with self.journal.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=SAMPLE, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def collect(self, seconds: float) -> list[str]:
        """Return all assignments of the next seconds."""
        end = time.monotonic() + seconds
        assignments: list[str] = []
        while (left := end - time.monotonic()) > 0:
            assignments += self._receive(left)
        return assignments

    def wait_for(self, text: str, seconds: float = 20.0) -> list[str]:
        """Return all assignments until one contains ``text``. Raises AssertionError if none does in time."""
        end = time.monotonic() + seconds
        assignments: list[str] = []
        while not any(text in assignment for assignment in assignments):
            left = end - time.monotonic()
            assert left > 0, f"no {text!r} in {assignments}\n{self.journal.read_text()}"
            assignments += self._receive(left)
        return assignments

    def _receive(self, seconds: float) -> list[str]:
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return []

    def kill(self) -> None:
        """End the process and the socket."""
        self.process.kill()
        self.process.wait()
        self.socket.close()
