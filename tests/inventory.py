# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a scenario, and copies of it that a test changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml


class Inventory:
    """A copy of a scenario's inventory that a test may change."""

    def __init__(self, directory: Path, source: Path | None = None) -> None:
        """Copy an inventory, by default that of the running scenario, into an empty directory."""
        self.directory = directory
        shutil.copytree(source or scenario_inventory(), directory, dirs_exist_ok=True)

    def environment(self, name: str) -> dict[str, Any]:
        """Return what the inventory says of an environment."""
        environment: dict[str, Any] = self._read(name)[f"celery_{name}"]
        return environment

    def write(self, name: str, environment: dict[str, Any]) -> None:
        """Replace what the inventory says of an environment."""
        text = yaml.safe_dump({**self._read(name), f"celery_{name}": environment}, sort_keys=False)
        self._path(name).write_text(text, encoding="utf-8")

    def add_host(self, group: str, host: str) -> None:
        """Add a host to a group, as its first member."""
        path = self.directory / "hosts.ini"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"[{group}]\n", f"[{group}]\n{host}\n"), encoding="utf-8")

    def remove_host(self, group: str, host: str) -> None:
        """Remove the first member of a group, which was added."""
        path = self.directory / "hosts.ini"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"[{group}]\n{host}\n", f"[{group}]\n"), encoding="utf-8")

    def lose(self, host: str) -> None:
        """Give a host an address at which Ansible does not reach it; all goes on there."""
        self.mislead(host, "nowhere")

    def mislead(self, host: str, address: str) -> None:
        """Give a host the address of another one."""
        path = self.directory / "host_vars" / f"{host}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"ansible_host: {address}\nansible_ssh_retries: 0\n", encoding="utf-8")

    def find(self, host: str) -> None:
        """Give a host its own address back."""
        (self.directory / "host_vars" / f"{host}.yml").unlink()

    def _path(self, name: str) -> Path:
        return self.directory / "group_vars" / f"{name}.yml"

    def _read(self, name: str) -> dict[str, Any]:
        variables: dict[str, Any] = yaml.safe_load(self._path(name).read_text(encoding="utf-8"))
        return variables


def scenario_inventory() -> Path:
    """Return the inventory of the running scenario."""
    return Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"
