# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import the collection as Ansible Galaxy does, and fail on any warning: ``python -m tests.galaxy``.

It reads the copy that tests.collection makes. ansible-lint is a step of its own in tests.check.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.collection import COPY

LOUD = ("WARNING", "ERROR", "CRITICAL", "[WARNING]", "[ERROR]")
SETTINGS = {"GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true", "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false"}


def build(source: Path, target: Path) -> Path:
    """Build the collection in ``source`` into the directory ``target``; return the archive."""
    command = ["ansible-galaxy", "collection", "build", "--output-path", str(target), str(source)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (archive,) = target.glob("*.tar.gz")
    return archive


def complaints(output: Iterable[str]) -> list[str]:
    """Return the lines of the importer that Galaxy shows as warnings and errors."""
    return [line for line in output if line.startswith(LOUD)]


def main() -> int:
    """Return 0 if the importer takes the collection and has nothing to say against it."""
    with TemporaryDirectory() as directory:
        archive = build(COPY, Path(directory))
        command = [sys.executable, "-m", "galaxy_importer.main", archive.name]
        result = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **SETTINGS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    print(result.stdout)
    return 1 if result.returncode or complaints(result.stdout.splitlines()) else 0


if __name__ == "__main__":
    sys.exit(main())
