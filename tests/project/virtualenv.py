# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment with what a file requires: ``virtualenv.py DIRECTORY REQUIREMENTS``.

It is made once for all hosts of this machine and copied, since to install and compile it takes many seconds of
processor time. Prints "installed" if it was not there yet.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

UV = "/mnt/uv"
PACKAGES = Path("/mnt/packages")
INSTALL = ("pip", "install", f"--cache-dir={PACKAGES}/uv", "--link-mode=copy", "--compile-bytecode")
COMPLETE = ".complete"


def main() -> None:
    """Copy the virtual environment, and make it before if this machine has none."""
    target, requirements = map(Path, sys.argv[1:])
    key = hashlib.sha256(f"{sys.version}\n{requirements.read_text(encoding='utf-8')}".encode()).hexdigest()[:16]
    original = PACKAGES / "virtualenvs" / key
    original.parent.mkdir(exist_ok=True)
    if (target / COMPLETE).exists() and (target / COMPLETE).read_text(encoding="utf-8") == key:
        return
    with original.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (original / COMPLETE).exists():
            make(original, requirements)
            (original / COMPLETE).write_text(key, encoding="utf-8")
    subprocess.run(["rm", "--recursive", "--force", "--", target], check=True)
    subprocess.run(["cp", "--archive", "--", original, target], check=True)
    move_scripts(target / "bin", original, target)
    print("installed")


def make(directory: Path, requirements: Path) -> None:
    """Make a virtual environment with uv."""
    subprocess.run([UV, "venv", "--quiet", "--clear", directory], check=True)
    subprocess.run([UV, *INSTALL, f"--python={directory}/bin/python", f"--requirements={requirements}"], check=True)


def move_scripts(scripts: Path, old: Path, new: Path) -> None:
    """Name the new directory where scripts name the old one, as that of their interpreter."""
    for script in scripts.iterdir():
        content = script.read_bytes() if not script.is_symlink() else b""
        if bytes(old) in content:
            script.write_bytes(content.replace(bytes(old), bytes(new)))


if __name__ == "__main__":
    main()
