# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is published on Galaxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.stalk.celery.tests.galaxy import build, complaints

ROOT = Path(__file__).parents[2]
WORKSHOP = (".", "molecule", "tests", "requirements", "Makefile", "ansible.cfg", "galaxy.yml", "pyproject.toml")
WRITTEN_BY_THE_BUILD = {"MANIFEST.json", "FILES.json"}
DIRT = (
    ".venv/bin/activate",
    ".venv-2.21/lib/site.py",
    ".cache/copy/README.md",
    ".ansible/tmp/facts.yml",
    ".env",
    "importer_result.json",
    "stalk-celery-0.9.0.tar.gz",
    "node_modules/tool/index.js",
    "vault.yml",
    "playbooks/site.retry",
    "plugins/modules/__pycache__/files.cpython-311.pyc",
    "plugins/modules/files.py.orig",
    "roles/celery_service/tasks/.main.yml.swp",
    "roles/celery_service/tasks/main.yml~",
    "tests/output/junit.xml",
)
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


NEEDED = ("meta", "playbooks", "plugins", "roles")  # the rest of an installed collection may be deleted


def known_to_git(directory: Path) -> set[str]:
    """Return the names of the files that git has in a directory."""
    return set(subprocess.check_output(["git", "ls-files"], cwd=directory, text=True).split())


def read(path: str) -> Any:
    """Return what a YAML file of the collection holds."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_a_dirty_tree_publishes_exactly_the_product(tmp_path: Path) -> None:
    product = {name for name in known_to_git(ROOT) if not name.startswith((*WORKSHOP, "changelogs/fragments/"))}
    tree = tmp_path / "tree"
    for name in known_to_git(ROOT):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    for name in DIRT:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("dirt")
    (tmp_path / "out").mkdir()
    with tarfile.open(build(tree, tmp_path / "out")) as archive:
        published = {member.name for member in archive if not member.isdir()}
    assert published - WRITTEN_BY_THE_BUILD == product


def test_four_directories_are_enough_to_run(tmp_path: Path) -> None:
    installed = tmp_path / "collections" / "ansible_collections" / "stalk" / "celery"
    for name in NEEDED:
        shutil.copytree(ROOT / name, installed / name)
    (tmp_path / "hosts.ini").write_text("app1 ansible_connection=local\n[live]\napp1\n")
    (tmp_path / "vars.json").write_text(json.dumps({"celery_environments": ["live"], "celery_live": {"apq": "x:app"}}))
    command = [sys.executable, "-m", "ansible", "playbook", "stalk.celery.site", "-i", "hosts.ini", "-e", "@vars.json"]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"), "ANSIBLE_BECOME": "false"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "celery_live.apq is not a known key; did you mean app?" in result.stdout, result.stdout + result.stderr


def test_code_that_plugins_share_is_private() -> None:
    shared = [path for name in ("module_utils", "plugin_utils") for path in (ROOT / "plugins" / name).iterdir()]
    assert {path.name for path in shared if not path.name.startswith("_")} <= {"__pycache__"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_page_and_a_description(role: str) -> None:
    page = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    assert page.startswith(f"# stalk.celery.{role}\n")
    assert f"`ansible-doc -t role stalk.celery.{role}`" in page
    about = read(f"roles/{role}/meta/main.yml")["galaxy_info"]
    assert about["description"]
    assert about["license"] == "GPL-3.0-or-later"
    assert f">={about['min_ansible_version']}.0" == read("meta/runtime.yml")["requires_ansible"]


def test_what_the_importer_complains_of_is_found() -> None:
    said = ["Loading role celery_beat", "WARNING: No role description found", "ERROR: The import failed", "completed"]
    assert complaints(said) == said[1:3]
