# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the environment uat where beat keeps its schedule in a database."""

from __future__ import annotations

from meta_edc.settings.base import settings

globals().update(settings("django_celery_beat"))
ENVIRONMENT = "uat"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/celery-uat/database"}}
