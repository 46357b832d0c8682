# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker process takes for the one before it."""

from __future__ import annotations

import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.systemd import LIBRARY


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process of the same user."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def overlap(tmp_path: Path, other: subprocess.Popen[bytes]) -> Any:
    """Return what the main process knows, which took over from the other one."""
    library = runpy.run_path(str(LIBRARY / "celery_overlap.py"))
    return library["Overlap"](str(tmp_path / "place"), f"2 {other.pid}", "@nobody")


def test_the_process_before_is_told_to_stop_and_known_to_a_new_start(
    overlap: Any, other: subprocess.Popen[bytes]
) -> None:
    assert overlap.environment()["CELERYD_GENERATION"] == f"2 {other.pid}"
    overlap.stop_others()
    assert other.wait(timeout=10) == -15


def test_a_later_process_with_its_number_is_left_alone_and_not_waited_for(
    overlap: Any, other: subprocess.Popen[bytes]
) -> None:
    """Numbers are used again."""
    overlap.start_of_before += "0"
    overlap.stop_others()
    overlap.outlive()
    assert overlap.environment()["CELERYD_GENERATION"] == "2"
    assert other.poll() is None
