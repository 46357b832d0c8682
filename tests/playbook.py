# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks from a test, on the inventory of its scenario or on a changed copy of it."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """What a run of a playbook printed, and its exit status."""

    status: int
    output: str

    def changed(self) -> dict[str, int]:
        """Return the number of changed tasks of each host, from the recap."""
        return {host: int(count) for host, count in re.findall(r"^(\S+)\s+:.*changed=(\d+)", self.output, re.MULTILINE)}


class Inventory:
    """A copy of a scenario's inventory that a test may change."""

    def __init__(self, directory: Path) -> None:
        """Copy the inventory of the running scenario into an empty directory."""
        self.directory = directory
        shutil.copytree(scenario_inventory(), directory, dirs_exist_ok=True)

    def environment(self, name: str) -> dict[str, Any]:
        """Return what the inventory says of an environment."""
        environment: dict[str, Any] = self._read(name)[f"celery_{name}"]
        return environment

    def write(self, name: str, environment: dict[str, Any]) -> None:
        """Replace what the inventory says of an environment."""
        text = yaml.safe_dump({**self._read(name), f"celery_{name}": environment})
        self._path(name).write_text(text, encoding="utf-8")

    def add_host(self, group: str, host: str) -> None:
        """Add a host to a group, as its first member."""
        path = self.directory / "hosts.ini"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"[{group}]\n", f"[{group}]\n{host}\n"), encoding="utf-8")

    def _path(self, name: str) -> Path:
        return self.directory / "group_vars" / f"{name}.yml"

    def _read(self, name: str) -> dict[str, Any]:
        variables: dict[str, Any] = yaml.safe_load(self._path(name).read_text(encoding="utf-8"))
        return variables


def scenario_inventory() -> Path:
    """Return the inventory of the running scenario."""
    return Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"


def play(path: str, *arguments: str, inventory: Inventory | None = None, fails: bool = False) -> Run:
    """Run a playbook of this repository; it must succeed, or fail if a test says so."""
    source = inventory.directory if inventory else scenario_inventory()
    command = ["ansible-playbook", str(ROOT / path), "--inventory", str(source), *arguments]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    run = Run(done.returncode, done.stdout + done.stderr)
    assert (run.status != 0) == fails, run.output
    return run


def site(*arguments: str, inventory: Inventory | None = None, fails: bool = False) -> Run:
    """Run playbooks/site.yml."""
    return play("playbooks/site.yml", *arguments, inventory=inventory, fails=fails)
