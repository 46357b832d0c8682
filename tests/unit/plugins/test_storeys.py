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
HARMLESS = {
    *("os.path.basename", "os.path.commonpath", "os.path.dirname", "os.path.isabs", "os.path.join", "os.path.normpath"),
    *("os.path.relpath", "os.path.split", "os.fsdecode", "os.fsencode", "os.uname"),
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


# A storey, and those that it may import; where a storey is pure, nothing in it touches a host.
STOREYS = {
    "module_utils/_formats": {"module_utils/_formats"},
    "module_utils/_plan": {"module_utils/_formats", "module_utils/_plan"},
    "module_utils/_host": {"module_utils/_formats", "module_utils/_plan", "module_utils/_host"},
    "plugin_utils/_inventory": {"plugin_utils/_inventory"},
    "plugin_utils/_plan": {"plugin_utils/_inventory", "plugin_utils/_plan"},
    "plugin_utils/_check": {"plugin_utils/_inventory", "plugin_utils/_plan", "plugin_utils/_check"},
    "plugin_utils/_adopt": {
        *("plugin_utils/_inventory", "plugin_utils/_plan", "plugin_utils/_check", "plugin_utils/_adopt"),
    },
    "plugin_utils/_status": {"plugin_utils/_inventory", "plugin_utils/_status"},
    "plugin_utils/_operations": {"plugin_utils/_inventory", "plugin_utils/_plan", "plugin_utils/_status"},
}
PURE = ("module_utils/_formats", "module_utils/_plan")
OF_OS = re.compile(r"os\.(?!path$)\w+|os\.path\.\w+")
OF_HOSTS = {"subprocess", "socket", "shutil", "tempfile", "glob", "pathlib", "fcntl", "signal", "threading"}


@pytest.mark.parametrize("storey", STOREYS)
def test_no_storey_knows_the_one_above(storey: str) -> None:
    side = storey.partition("/")[0]
    files = [path for path in (PLUGINS / storey).glob("*.py") if path.name != "__init__.py"]
    assert files
    for path in files:
        own = (name.partition(f"plugins.{side}.")[2] for name in imports(path))
        used = {f"{side}/{name.split('.')[0]}" for name in own if name} & {*STOREYS}
        assert used <= STOREYS[storey], path


@pytest.mark.parametrize("storey", PURE)
def test_what_decides_on_hosts_touches_nothing(storey: str) -> None:
    for path in (PLUGINS / storey).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not imports(path) & OF_HOSTS, path
        nodes = list(ast.walk(ast.parse(text)))
        named = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
        opened = {node.id for node in nodes if isinstance(node, ast.Name) and node.id == "open"}
        touching = opened | {name for name in named if OF_OS.fullmatch(name)} - HARMLESS
        assert not touching, path


@pytest.mark.parametrize("folder", ["plugins", "roles", "tests/hosts", "tests/unit", "molecule"])
def test_docstrings_have_no_markup_of_ansible(folder: str) -> None:
    """That is for the documentation of plugins; ruff looks after the rest of the dialect."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in (ROOT / folder).rglob("*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)]
        assert not [node for node in nodes if re.search(r"\b[BCIMOV]\(", ast.get_docstring(node) or "")], path


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reads_a_private_name_of_another_one(role: str) -> None:
    for path in (ROOT / "roles" / role).rglob("*"):
        if path.suffix in (".yml", ".j2"):
            private = {*re.findall(r"\b__(celery_[a-z]+)_\w+", path.read_text(encoding="utf-8"))}
            assert private <= {role}, path
