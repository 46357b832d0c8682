# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as git knows it, in a directory where Ansible's tools look for one.

They insist on ansible_collections/NAMESPACE/NAME, in a repository of its own, and copy or read all that lies there.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPY = ROOT / ".cache" / "copy" / "ansible_collections" / "stalk" / "celery"


def make_copy() -> None:
    """Bring the copy up to date; what tools keep there beside the files of git stays."""
    COPY.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet"], cwd=COPY, check=True)
    wanted = {name for name in _listed(ROOT) if (ROOT / name).is_file()}
    for name in _listed(COPY) - wanted:
        (COPY / name).unlink(missing_ok=True)
    for name in wanted:
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name)
    subprocess.run(["git", "add", "--all"], cwd=COPY, check=True)


def _listed(directory: Path) -> set[str]:
    """Return the files that git knows, including new ones that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout.splitlines())


if __name__ == "__main__":
    make_copy()
