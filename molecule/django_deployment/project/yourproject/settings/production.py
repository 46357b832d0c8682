# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of production: all that differs from host to host comes from the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS = ["yourapp"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": urlsplit(os.environ["DATABASE_URL"]).path},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_RESULT_BACKEND = os.environ["CELERY_RESULT_BACKEND"]
CELERY_TASK_ROUTES = {"yourapp.tasks.send_mail": {"queue": "mails"}, "yourapp.tasks.report": {"queue": "reports"}}
CELERY_BEAT_SCHEDULE = {"example": {"task": "yourapp.tasks.example_task", "schedule": 5.0}}
