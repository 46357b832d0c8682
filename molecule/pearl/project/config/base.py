# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that all sites share."""

from __future__ import annotations

import os
from typing import Any


def settings(site: str) -> dict[str, Any]:
    """Return the settings of a site, whose queue has its name."""
    return {
        "SITE": site,
        "SECRET_KEY": "only for tests",
        "INSTALLED_APPS": ["django_celery_beat"],
        "USE_TZ": True,
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/pearl/database"}},
        # Without USE_CELERY tasks run at once, in the process that calls them, and need no broker.
        "CELERY_TASK_ALWAYS_EAGER": os.environ.get("USE_CELERY") != "True",
        "CELERY_TASK_DEFAULT_QUEUE": site,
        "CELERY_IMPORTS": [f"pearlcertification.celery_tasks.{site}"],
    }
