# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the project: one queue for each Django app that asks for one, by its router."""

from __future__ import annotations

import os

SECRET_KEY = "only for tests"
INSTALLED_APPS = ["core", "customers", "feeds"]
USE_TZ = True

CELERY_RESULT_BACKEND = "rpc://"
CELERY_TASK_ROUTES = ["customers.routers.CeleryTaskRouter", "feeds.routers.CeleryTaskRouter"]
CELERY_BROKER_HEARTBEAT = float(os.environ.get("BROKER_HEARTBEAT", "120"))
