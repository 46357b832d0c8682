# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One app that several environments run, each with a broker of its own, which the environment variables name."""

from __future__ import annotations

import os
import pwd
import time
from typing import Any

from celery import Celery

app = Celery("shop", backend=os.environ.get("CELERY_RESULT_BACKEND", "rpc://"))
app.conf.broker_url = os.environ["CELERY_BROKER_URL"]
# On a Redis that environments share, each has the keys that begin with its name.
app.conf.broker_transport_options = {"global_keyprefix": f"{os.environ['SHOP']}:"}
app.conf.result_backend_transport_options = app.conf.broker_transport_options
app.conf.redbeat_key_prefix = f"{os.environ['SHOP']}:redbeat:"
app.conf.beat_schedule = {"tick": {"task": "shop.tick", "schedule": 1.0}}


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


@app.task
def begin(seconds: float) -> float:
    """Take some time, and return when it began."""
    began = time.monotonic()
    time.sleep(seconds)
    return began


@app.task
def add(*numbers: int) -> int:
    """Add numbers, or those of a list."""
    return sum(numbers)


@app.task
def total(numbers: list[int]) -> int:
    """Add the results of other tasks."""
    return sum(numbers)


@app.task
def tick() -> None:
    """Count how often beat has sent this."""
    app.backend.client.incr(f"{os.environ['SHOP']}:ticks")
