# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that need the configuration of the site api."""

from __future__ import annotations

from typing import Any

from config.api.celery_app import api_app

from pearlcertification.report import report


@api_app.task(bind=True)
def whoami(task: Any) -> dict[str, Any]:
    """Say where this runs."""
    return report(task)
