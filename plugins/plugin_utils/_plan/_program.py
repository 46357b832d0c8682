# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that the trial of a service has Celery load."""

from __future__ import annotations

from pathlib import Path

_PROGRAM = Path(__file__).parents[3] / "roles/celery_service/files/trial"


def trial_program() -> dict[str, str]:
    """Return its files by their paths."""
    files = sorted(path for path in _PROGRAM.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(_PROGRAM)): path.read_text(encoding="utf-8") for path in files}
