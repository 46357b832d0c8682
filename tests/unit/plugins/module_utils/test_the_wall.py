# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on hosts touches the file system through ``_paths`` and in no other way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[4] / "plugins"
OF_OS = {
    *("access", "chmod", "chown", "lchown", "link", "listdir", "lstat", "makedirs", "mkdir", "mkfifo", "mknod", "open"),
    *("readlink", "remove", "removedirs", "rename", "renames", "replace", "rmdir", "scandir", "setxattr", "stat"),
    *("symlink", "truncate", "unlink", "utime", "walk", "fwalk", "chdir", "chroot"),
}
OF_PATH = {
    *("exists", "getctime", "getmtime", "getsize", "isdir", "isfile", "islink", "ismount", "lexists", "realpath"),
    *("samefile", "sameopenfile"),
}
MODULES = {"shutil", "tempfile", "glob", "pathlib", "fileinput"}
AS_THE_USER = "runs as the user of the environment, who can bend no path but the own"
# The files that may, and why.
MAY = {
    "module_utils/_host/_paths.py": "the library itself",
    "module_utils/_host/_releases.py": AS_THE_USER,
    "module_utils/_host/_stale.py": AS_THE_USER,
    "module_utils/_host/_as_user.py": AS_THE_USER,
    "module_utils/_host/_state_files.py": AS_THE_USER,
    "module_utils/_host/_interpreter.py": AS_THE_USER,
    "module_utils/_host/_virtualenv_program.py": AS_THE_USER,
    "modules/look.py": AS_THE_USER,
    "module_utils/_host/_stage.py": "the directories of trials, in /run, which are root's; all else as the user",
    "module_utils/_host/_log_pipe.py": "a pipe in a directory of a trial, which is root's",
    "module_utils/_host/_machine.py": "what the kernel and systemd tell of the machine",
    "module_utils/_host/_nss.py": "the users of the host",
    "module_utils/_host/_celery_processes.py": "what the kernel tells of processes",
    "module_utils/_host/_processes.py": "what the kernel tells of processes",
    "modules/verify.py": "what the kernel tells of a process",
    "modules/virtualenvs.py": "whether there are programs of the distribution, and homes",
    "modules/redis_info.py": "whether there is a program of the distribution",
}
FILES = sorted(
    str(path.relative_to(PLUGINS)) for kind in ("modules", "module_utils") for path in (PLUGINS / kind).rglob("*.py")
)


def uses(text: str) -> list[str]:
    """Return what of a program touches the file system by path."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            found.append(f"{node.lineno}: open")
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            parent, _dot, function = name.rpartition(".")
            if (parent == "os" and function in OF_OS) or (parent == "os.path" and function in OF_PATH):
                found.append(f"{node.lineno}: {name}")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {node.module or ""} if isinstance(node, ast.ImportFrom) else {one.name for one in node.names}
            found += [f"{node.lineno}: import {name}" for name in names if name in MODULES]
            if names == {"os"} and isinstance(node, ast.ImportFrom):
                found.append(f"{node.lineno}: from os import")
    return found


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_touched_by_path(name: str) -> None:
    found = uses((PLUGINS / name).read_text(encoding="utf-8"))
    assert name in MAY or found == []


def test_no_exception_is_left_that_nobody_needs() -> None:
    assert [name for name in MAY if not uses((PLUGINS / name).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "text",
    ["open('/x')", "os.unlink('/x')", "f = os.walk", "os.path.realpath('/x')", "import shutil", "from os import stat"],
)
def test_the_wall_is_seen(text: str) -> None:
    assert uses(text) != []
