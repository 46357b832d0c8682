# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks against the hosts of a scenario, as a user would."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.inventory import Inventory, scenario_inventory
from tests.work import eventually

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
    :param playbook: a path in the repository, or the name of a playbook of the collection.
    :param inventory: a changed copy of the scenario's inventory, to be used instead of it.
    :param variables: extra variables; they take the place of those in the inventory.
    """
    directory = inventory.directory if inventory else scenario_inventory()
    extra = ["--extra-vars", json.dumps(variables)] if variables else []
    path = str(ROOT / playbook) if playbook.endswith(".yml") else playbook
    return ["ansible-playbook", path, "--inventory", str(directory), *options, *extra]


def converged(*options: str, **named: Any) -> str:
    """Run a playbook, which must succeed, and return its output; for the arguments see ``command``."""
    done = _run(command(*options, **named))
    assert done.returncode == 0, done.stdout
    return done.stdout


def interrupted(when: Callable[[], bool], *options: str, **named: Any) -> None:
    """Run a playbook, and press Ctrl-C ``when`` something is true; for the other arguments see ``command``."""
    with tempfile.TemporaryFile() as output:
        run = subprocess.Popen(command(*options, **named), stdout=output, stderr=output)
        eventually("the moment to interrupt", lambda: when() or run.poll() is not None, 300)
        is_over = run.poll() is not None
        run.send_signal(signal.SIGINT)
        run.wait(timeout=60)
        output.seek(0)
        assert not is_over, output.read().decode()


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
