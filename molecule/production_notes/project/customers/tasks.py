# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the customers."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from core.report import report

RELEASE = "1"


@shared_task(bind=True)
def greet(task: Any) -> dict[str, str]:
    """Greet a customer."""
    return {**report(task), "release": RELEASE}
