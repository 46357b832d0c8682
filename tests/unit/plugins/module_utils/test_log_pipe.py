# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host._log_pipe import LogPipe
from ansible_collections.stalk.celery.plugins.module_utils._plan._writes import claims


def test_what_is_written_is_kept(tmp_path: Path) -> None:
    log = LogPipe(str(tmp_path / "log"), 1000)
    for word in ("one", "two"):
        (tmp_path / "log").write_text(f"{word}\n")
    assert log.close() == "one\ntwo\n"
    assert log.close() == "one\ntwo\n"


def test_nobody_writes(tmp_path: Path) -> None:
    assert LogPipe(str(tmp_path / "log"), 1000).close() == ""


def test_a_writer_without_end_fills_nothing(tmp_path: Path) -> None:
    log = LogPipe(str(tmp_path / "log"), 1000)
    with (tmp_path / "log").open("wb", buffering=0) as file, subprocess.Popen(["yes"], stdout=file) as writer:
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(1)
        kept = log.close()
        writer.kill()
    assert 0 < len(kept) <= 1000
    assert (tmp_path / "log").is_fifo()


def test_a_claim_that_is_deep_is_none() -> None:
    assert claims("stalk.celery cannot write: " + "[" * 8000) == []
