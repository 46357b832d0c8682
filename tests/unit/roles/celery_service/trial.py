# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs celery_trial in processes that have imported Celery already, since that takes longer than everything else."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import GUARD

DIRECTORY = Path(__file__).parents[4] / "roles/celery_service/files/trial"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["celery.bin.celery", "celery.apps.worker", "celery.apps.beat"])


class Trial(NamedTuple):
    """Exit status, None if there was none after a minute, and output of both kinds."""

    status: int | None
    output: str


def attempt(directory: Path, arguments: Sequence[str], variables: Mapping[str, str], output: Path) -> Trial:
    """Try ``celery <arguments>`` in ``directory``, from which Python imports too."""
    process = CONTEXT.Process(target=_attempt, args=(directory, arguments, variables, output))
    process.start()
    process.join(60)
    process.kill()
    return Trial(process.exitcode, output.read_text())


def _attempt(directory: Path, arguments: Sequence[str], variables: Mapping[str, str], output: Path) -> None:
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(1, 2)
    os.chdir(directory)
    os.environ.update(variables)
    os.environ["PYTHONPATH"] = f"{DIRECTORY}:{directory}"
    sys.path[:0] = [str(DIRECTORY), str(directory)]
    sys.dont_write_bytecode = True
    importlib.import_module("celery_trial")
    sys.argv = ["celery", *arguments, GUARD]
    importlib.import_module("celery.__main__").main()
