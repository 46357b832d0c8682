# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks against the hosts of a scenario, as a user would."""
from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.inventory import Inventory, scenario_inventory

ROOT = Path(__file__).parents[1]
SITE = "playbooks/site.yml"
DEPLOY = "tests/project/deploy.yml"


def command(
    *options: str,
    playbook: str = SITE,
    inventory: Inventory | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the command line of a run.

    :param options: further options of ansible-playbook.
    :param inventory: a changed copy of the scenario's inventory, to be used instead of it.
    :param variables: extra variables; they take the place of those in the inventory.
    """
    directory = inventory.directory if inventory else scenario_inventory()
    extra = ["--extra-vars", json.dumps(variables)] if variables else []
    return ["ansible-playbook", str(ROOT / playbook), "--inventory", str(directory), *options, *extra]


def converged(*options: str, **named: Any) -> str:
    """Run a playbook, which must succeed, and return its output; for the arguments see ``command``."""
    done = _run(command(*options, **named))
    assert done.returncode == 0, done.stdout
    return done.stdout


def refused(*options: str, **named: Any) -> str:
    """Run a playbook, which must fail, and return its output; for the arguments see ``command``."""
    done = _run(command(*options, **named))
    assert done.returncode != 0, done.stdout
    return done.stdout


def changes(output: str) -> dict[str, int]:
    """Return the number of changed tasks of each host, from the recap of a run."""
    return {host: int(count) for host, count in re.findall(r"^(\S+)\s+:.*changed=(\d+)", output, re.MULTILINE)}


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
