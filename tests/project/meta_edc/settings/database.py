# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the environment uat where beat keeps its schedule in a database."""
from __future__ import annotations

from meta_edc.settings.uat import (
    CELERY_BEAT_SCHEDULE,
    CELERY_BROKER_TRANSPORT_OPTIONS,
    CELERY_BROKER_URL,
    CELERY_RESULT_BACKEND,
    CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS,
    DEBUG,
    ENVIRONMENT,
    SECRET_KEY,
    USE_TZ,
)
from meta_edc.settings.uat import INSTALLED_APPS as APPS_OF_UAT

__all__ = [
    "CELERY_BEAT_SCHEDULE", "CELERY_BROKER_TRANSPORT_OPTIONS", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND",
    "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS", "DATABASES", "DEBUG", "ENVIRONMENT", "INSTALLED_APPS", "SECRET_KEY",
    "USE_TZ",
]

INSTALLED_APPS = [*APPS_OF_UAT, "django_celery_beat"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/celery-uat/database"}}
