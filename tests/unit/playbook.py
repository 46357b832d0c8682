# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks with the collection, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def run_play(
    directory: Path, play: Mapping[str, Any], *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a playbook of one play, see ``run_plays``."""
    return run_plays(directory, [play], *options, **environment)


def run_plays(
    directory: Path, plays: Sequence[Mapping[str, Any]], *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run plays in ``directory``, where everything lies that they read; return exit status and output of both kinds."""
    (directory / "play.yml").write_text(json.dumps([{"gather_facts": False, **play} for play in plays], indent=1))
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
