# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One app that several environments run, each with a broker of its own, which the environment variables name."""
from __future__ import annotations

import os
import pwd
from typing import Any

from celery import Celery

app = Celery("shop", backend=os.environ.get("CELERY_RESULT_BACKEND", "rpc://"))
app.conf.broker_url = os.environ["CELERY_BROKER_URL"]
# On a Redis that environments share, each has the keys that begin with its name.
app.conf.broker_transport_options = {"global_keyprefix": f"{os.environ['SHOP']}:"}
app.conf.result_backend_transport_options = app.conf.broker_transport_options


@app.task(bind=True)
def whoami(task: Any) -> dict[str, str]:
    """Say who runs this, and where."""
    request = task.request
    return {
        "environment": os.environ["SHOP"],
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "node": request.hostname,
        "queue": request.delivery_info["routing_key"],
    }
