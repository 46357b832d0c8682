# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity``: ``python -m tests.sanity``.

It reads the copy that tests.collection makes. All of its caches are below .cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.collection import COPY, ROOT
from tests.interpreters import interpreters

CACHE = ROOT / ".cache" / f"sanity-{sys.version_info.major}.{sys.version_info.minor}"

# ansible-test would download this script from a server of the Ansible project; ensurepip carries pip already.
GET_PIP = """
import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip"], check=True)
options = [option for option in sys.argv[1:] if option not in {"--no-setuptools", "--no-wheel"}]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *options]))
"""
GET_PIP_NAMES = ("get_pip_24_2.py", "get_pip_25_2.py")  # ansible-core 2.19, 2.21


def main() -> int:
    """Return the exit status of ansible-test."""
    home = CACHE / "home"
    _provide(home / ".ansible" / "test" / "cache")
    path = os.pathsep.join([str(_pythons()), str(Path(sys.prefix) / "bin"), "/usr/bin", "/bin"])
    command = ["ansible-test", "sanity", "--venv", "--color", "no", *sys.argv[1:]]
    environment = {**os.environ, "HOME": str(home), "PATH": path}
    return subprocess.run(command, cwd=COPY, env=environment, check=False).returncode


def _provide(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    for name in GET_PIP_NAMES:
        (cache / name).write_text(GET_PIP, encoding="utf-8")


def _pythons() -> Path:
    """Return a directory with the oldest Python and this one: modules are compiled and imported with each."""
    directory = CACHE / "python"
    with suppress(FileNotFoundError):
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    found = interpreters()
    for version in dict.fromkeys([next(iter(found)), f"{sys.version_info.major}.{sys.version_info.minor}"]):
        (directory / f"python{version}").symlink_to(found[version])
    return directory


if __name__ == "__main__":
    sys.exit(main())
