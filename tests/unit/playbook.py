# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a playbook with the collection, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run_play(
    directory: Path, play: Mapping[str, Any], *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a play in ``directory``, where everything lies that it reads; return exit status and output of both kinds."""
    (directory / "play.yml").write_text(json.dumps([{"gather_facts": False, **play}], indent=1))
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "play.yml", *options],
        cwd=directory,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[5]),
            "ANSIBLE_HOME": str(directory / "home"),
            "ANSIBLE_NOCOLOR": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
