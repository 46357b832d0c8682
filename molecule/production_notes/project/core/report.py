# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task knows of where it runs."""

from __future__ import annotations

import os
import pwd
from typing import Any


def report(task: Any) -> dict[str, str]:
    """Return the queue that a task came through, the node that runs it and its user."""
    request = task.request
    user = pwd.getpwuid(os.geteuid()).pw_name
    return {"queue": request.delivery_info["routing_key"], "node": request.hostname, "user": user}
