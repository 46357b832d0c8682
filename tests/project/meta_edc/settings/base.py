# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that all environments share."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import urlsplit


def settings(*apps: str) -> dict[str, Any]:
    """Return the settings, with further apps of the environment."""
    broker = os.environ["CELERY_BROKER_URL"]
    # The Redis user of an environment is allowed only keys that begin with its name, see deploy.yml.
    user = urlsplit(broker).username
    prefix = {"global_keyprefix": f"{user}:"}
    return {
        "SECRET_KEY": os.environ.get("DJANGO_SECRET_KEY", "only for tests"),
        "INSTALLED_APPS": ["meta_edc", *apps],
        "USE_TZ": True,
        "CELERY_ENABLED": os.environ.get("CELERY_ENABLED") == "True",
        "CELERY_BROKER_URL": broker,
        "CELERY_BROKER_TRANSPORT_OPTIONS": {**prefix, **json.loads(os.environ.get("BROKER_OPTIONS", "{}"))},
        "CELERY_RESULT_BACKEND": os.environ["CELERY_RESULT_BACKEND"],
        "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS": prefix,
        "CELERY_REDBEAT_KEY_PREFIX": f"{user}:redbeat:",
        "CELERY_REDBEAT_LOCK_TIMEOUT": 10,
        "CELERY_BEAT_SCHEDULE": {"tick": {"task": "meta_edc.tasks.tick", "schedule": 1.0}},
    }
