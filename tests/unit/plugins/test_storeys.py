# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use what: the private API of ansible-core, the other side, and the names of another role."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLUGINS = ROOT / "plugins"
CORE = PLUGINS / "plugin_utils" / "_core.py"
PROMISED = {
    "ansible.errors",
    "ansible.module_utils.basic",
    "ansible.module_utils.common.validation",
    "ansible.module_utils.parsing.convert_bool",
    "ansible.plugins.action",
}
PRIVATE = {"_find_needle", "_loader", "_templar"}
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_one_file_alone_depends_on_what_ansible_does_not_promise(path: Path) -> None:
    of_ansible = {name for name in imports(path) if name.split(".")[0] == "ansible"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if path == CORE:
        assert of_ansible - PROMISED
        assert attributes & PRIVATE
    else:
        assert of_ansible <= PROMISED
        assert not attributes & PRIVATE


@pytest.mark.parametrize("folder", ["modules", "module_utils"])
def test_what_runs_on_hosts_imports_nothing_of_the_controller(folder: str) -> None:
    for path in (PLUGINS / folder).rglob("*.py"):
        assert not [name for name in imports(path) if ".plugin_utils" in name], path


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reads_a_private_name_of_another_one(role: str) -> None:
    for path in (ROOT / "roles" / role).rglob("*"):
        if path.suffix in (".yml", ".j2"):
            private = {*re.findall(r"\b__(celery_[a-z]+)_\w+", path.read_text(encoding="utf-8"))}
            assert private <= {role}, path
