# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Celery app of the environment debug."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meta_edc.settings.debug")

app = Celery("meta_edc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_acks_late = "ACKS_LATE" in os.environ
app.autodiscover_tasks()
