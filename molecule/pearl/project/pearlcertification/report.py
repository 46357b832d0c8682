# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task knows of where it runs."""

from __future__ import annotations

import os
import pwd
from typing import Any

from django.conf import settings


def report(task: Any) -> dict[str, Any]:
    """Return the site that a task runs in, the queue it came through, the node that runs it and its user."""
    request = task.request
    user = pwd.getpwuid(os.geteuid()).pw_name
    queue = (request.delivery_info or {}).get("routing_key")
    return {"site": settings.SITE, "queue": queue, "node": request.hostname, "user": user}
