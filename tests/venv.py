# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment: ``python3 -m tests.venv DIRECTORY REQUIREMENTS [PYTHON]``.

Needs nothing but a Python. Installs with uv, which comes from PyPI where the machine has none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Make the virtual environment anew and install the requirements."""
    directory, requirements = Path(sys.argv[1]), Path(sys.argv[2])
    python = sys.argv[3] if len(sys.argv) > 3 else _python()
    print(f"making {directory} from {requirements} ...", file=sys.stderr, flush=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(directory)
    if subprocess.run([python, "-c", "import ensurepip"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        _install_ensurepip()
    subprocess.run([python, "-m", "venv", str(directory)], check=True)
    inside = str(directory / "bin" / "python")
    uv = shutil.which("uv") or str(directory / "bin" / "uv")
    if not Path(uv).exists():
        subprocess.run([inside, "-m", "pip", "-qqq", "install", "uv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", inside, "--requirements", requirements], check=True)
    # Of the collections in the package ansible a few files are read.
    compile_all = ["-m", "compileall", "-q", "-j0", "-x", "ansible_collections", str(directory / "lib")]
    subprocess.run([inside, *compile_all], check=True)


def _python() -> str:
    """Return Debian's own interpreter if it is of the version of this one: it is compiled to be fast.

    Not sys.executable: that may be in the directory, which is about to be removed.
    """
    system = Path("/usr/bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    return str(system if system.exists() else Path(sys.base_prefix, "bin", "python3"))


def _install_ensurepip() -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*sudo, "apt-get", "-qq", "update"], check=True)
    subprocess.run([*sudo, "apt-get", "-qq", "install", "--yes", "python3-venv"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
