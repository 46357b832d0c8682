# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

from .conftest import Manager, Run

W1, W2, W3 = (f"celery-live-w{number}.service" for number in (1, 2, 3))
TARGET = "celery-live.target"


def wanted(*names: str, **options: Any) -> list[dict[str, Any]]:
    return [{"name": name, **options} for name in names]


def stamp(stamps: Path, unit: str, microseconds: int) -> None:
    stamps.mkdir(exist_ok=True)
    (stamps / unit).write_text(f"{microseconds}\n")


def test_new_units_are_enabled_and_started(run: Run, manager: Manager) -> None:
    manager.add(W1, W2)
    result = run("units", units=wanted(W1, W2))
    assert (result["changed"], result["enabled"], result["started"]) == (True, [W1, W2], [W1, W2])
    assert manager.units[W2]["ActiveState"] == "active"
    assert manager.units[W2]["UnitFileState"] == "enabled"
    assert result["units"][W1]["SubState"] == "running"


def test_a_second_run_changes_nothing(run: Run, manager: Manager) -> None:
    manager.add(W1, TARGET)
    run("units", units=wanted(W1, TARGET))
    first = manager.calls
    assert run("units", units=wanted(W1, TARGET))["changed"] is False
    assert {call.split()[0] for call in manager.calls[len(first) :]} == {"show"}
