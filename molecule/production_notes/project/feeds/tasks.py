# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that wait for others most of the time."""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task
from core.report import report


@shared_task(bind=True)
def fetch(task: Any) -> dict[str, Any]:
    """Wait for an answer from the network."""
    begun = time.time()
    time.sleep(1)
    return {**report(task), "begun": begun, "done": time.time()}
