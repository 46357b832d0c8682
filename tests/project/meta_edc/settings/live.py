# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the environment live."""
from __future__ import annotations

from meta_edc.settings.base import (
    CELERY_BEAT_SCHEDULE,
    CELERY_BROKER_TRANSPORT_OPTIONS,
    CELERY_BROKER_URL,
    CELERY_RESULT_BACKEND,
    CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS,
    INSTALLED_APPS,
    SECRET_KEY,
    USE_TZ,
)

__all__ = [
    "CELERY_BEAT_SCHEDULE", "CELERY_BROKER_TRANSPORT_OPTIONS", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND",
    "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS", "DEBUG", "ENVIRONMENT", "INSTALLED_APPS", "SECRET_KEY", "USE_TZ",
]

ENVIRONMENT = "live"
DEBUG = False
