# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a foreign service is still there, and which of its processes is the beat."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _takeover
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import Taken


def beat_unit(control: tuple[str, ...] = ()) -> Taken:
    """Return celerybeat.service, or a service of another manager."""
    kinds, alone = ("beat",), False
    return Taken(
        "live", "systemd", "b", kinds, control, "b.service", (), (), alone, True, (), "/s", "u", "/o", "u", "u"
    )


@pytest.mark.parametrize(("state", "expected"), [("active", True), ("activating", True), ("inactive", False)])
def test_a_unit_that_is_up_without_a_process_is_there(
    monkeypatch: pytest.MonkeyPatch, state: str, expected: bool
) -> None:
    """As after a run that died when beat had ended, and the shell above it was held; not for another manager."""

    def run(*_words: Any, **_named: Any) -> tuple[int, str, str]:
        return 0, f"ActiveState={state}\n", ""

    monkeypatch.setattr(_takeover, "idle", list)
    systemd = Systemd(run, 10)
    assert _takeover.is_there(systemd, beat_unit()) is expected
    assert not _takeover.is_there(systemd, beat_unit(("supervisorctl",)))


@pytest.mark.parametrize(
    ("opened", "schedule", "expected"),
    [
        ("beat.db", "/somewhere/beat", True),
        ("beat", "/somewhere/beat", True),
        ("beat.log", "/somewhere/beat", False),
        ("beat.db", "", False),
    ],
)
def test_a_log_is_no_schedule(tmp_path: Path, opened: str, schedule: str, expected: bool) -> None:
    """A child of a worker that has a log file open, whose name begins as that of the schedule, is not the beat."""
    with (tmp_path / opened).open("w"):
        assert _takeover._writes(os.getpid(), schedule) is expected
