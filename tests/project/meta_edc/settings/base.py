# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that all environments share."""
from __future__ import annotations

import os
from urllib.parse import urlsplit

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only for tests")
INSTALLED_APPS = ["meta_edc"]
USE_TZ = True

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_RESULT_BACKEND = os.environ["CELERY_RESULT_BACKEND"]
# The Redis user of an environment is allowed only keys that begin with its name, see deploy.yml.
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{urlsplit(CELERY_BROKER_URL).username}:"}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS
CELERY_BEAT_SCHEDULE = {"tick": {"task": "meta_edc.tasks.tick", "schedule": 1.0}}
