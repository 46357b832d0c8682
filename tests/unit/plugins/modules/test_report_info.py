# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module report_info: what a host says of its environments, in one answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive

from .conftest import Run


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory with the generations of live."""
    monkeypatch.setattr(_archive, "GENERATIONS", str(tmp_path / "generations"))
    directory = tmp_path / "generations/live"
    directory.mkdir(parents=True)
    return directory


@pytest.mark.usefixtures("manager")
def test_one_answer_has_all(run: Run) -> None:
    asked = [{"environment": "live", "user": "root"}]
    told = run("report_info", environments=["live"], names=["live"], accounts=asked)
    assert told["facts"]["ansible_facts"]["stalk_celery"]["services"] == []
    assert told["inspected"]["workers"] == []
    assert told["kept"] == {"generations": {"live": []}}
    assert len(told["machine"]) == 64
    assert told["accounts"]["accounts"]["live"]["home"] == "/root"


@pytest.mark.usefixtures("manager")
def test_what_cannot_be_answered_leaves_the_rest(run: Run, kept: Path) -> None:
    (kept / "20261121T093000Z.json").write_text("[]")
    told = run("report_info", environments=["live"], names=["live"])
    assert told["kept"]["failed"] is True
    assert "20261121T093000Z.json does not hold a generation; remove it." in told["kept"]["msg"]
    assert "failed" not in told["inspected"]
