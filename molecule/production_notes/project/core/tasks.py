# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks without a queue of their own."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from core.report import report


@shared_task(bind=True)
def clean(task: Any) -> dict[str, str]:
    """Clean up."""
    return report(task)
