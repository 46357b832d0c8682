# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python interpreters of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def interpreters() -> dict[str, Path]:
    """Return the interpreters that work: version -> path, found in PATH and below ~/.pyenv."""
    directories = [Path(directory) for directory in os.environ["PATH"].split(os.pathsep)]
    directories += sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin"))
    found: dict[str, Path] = {}
    for version in VERSIONS:
        candidates = [directory / f"python{version}" for directory in directories]
        working = [candidate for candidate in candidates if _works(candidate)]
        if working:
            found[version] = working[0].resolve()
    return found


def _works(python: Path) -> bool:
    return (
        python.exists()
        and subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0
    )


def at_least(minimum: str) -> Path | None:
    """Return an interpreter of this version or the nearest newer one, None if there is none."""
    found = interpreters()
    return next((found[version] for version in VERSIONS[VERSIONS.index(minimum) :] if version in found), None)
