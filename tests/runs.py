# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks/site.yml against the hosts of a scenario, as a user would."""
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

SITE = f"{os.environ.get('MOLECULE_PROJECT_DIRECTORY', '.')}/playbooks/site.yml"


def command(*options: str, variables: Mapping[str, Any] | None = None) -> list[str]:
    """Return the command line of a run.

    :param options: further options of ansible-playbook.
    :param variables: extra variables; they take the place of those in the inventory.
    """
    inventory = ["--inventory", os.environ["MOLECULE_INVENTORY_FILE"]]
    return ["ansible-playbook", SITE, *inventory, *options, "--extra-vars", json.dumps(variables or {})]


def site(*options: str, variables: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the playbook and return what it printed."""
    return subprocess.run(command(*options, variables=variables), capture_output=True, text=True, check=False)


def converged(*options: str, variables: Mapping[str, Any] | None = None) -> str:
    """Run the playbook, which must succeed, and return its output."""
    done = site(*options, variables=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(*options: str, variables: Mapping[str, Any] | None = None) -> str:
    """Run the playbook, which must fail, and return its output."""
    done = site(*options, variables=variables)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr
