# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks: a safe one to test with, one that sends mail, one that reads the database."""

from __future__ import annotations

import os
import pwd

from celery import Task, shared_task

from yourapp.models import Order


def _report(task: Task) -> dict[str, str]:
    return {
        "node": task.request.hostname,
        "queue": task.request.delivery_info["routing_key"],
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "release": os.path.basename(os.getcwd()),
    }


@shared_task(bind=True)
def example_task(self: Task) -> dict[str, str]:
    """Say who runs this task, and in which release."""
    return _report(self)


@shared_task(bind=True)
def send_mail(self: Task) -> dict[str, str]:
    """Say it too; this one is routed to a queue of its own."""
    return _report(self)


@shared_task
def report() -> int:
    """Count the orders."""
    return Order.objects.count()
