# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one environment may try at the broker of another, with its own credentials. The victim is the first argument."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from celery import Celery

REFUSALS = ("NoPermissionError", "No permissions", "NOT_ALLOWED")
victim = sys.argv[1]
own = urlsplit(os.environ.pop("CELERY_BROKER_URL"))  # Celery would prefer it to the argument
url = urlunsplit(own._replace(path=f"/{victim}")) if own.scheme == "amqp" else urlunsplit(own)

app = Celery(broker=url, backend="rpc://" if own.scheme == "amqp" else url, set_as_current=False)
app.conf.broker_transport_options = app.conf.result_backend_transport_options = {"global_keyprefix": f"{victim}:"}
app.conf.update(task_publish_retry=False, broker_connection_timeout=5)


def read_queue() -> None:
    """Look how many messages wait."""
    with app.connection_for_read() as connection:
        connection.default_channel.queue_declare("idle", durable=True, auto_delete=False)


def send() -> None:
    """Send a task to a queue that nobody consumes."""
    app.send_task("shop.whoami", queue="idle", ignore_result=True)


def consume() -> None:
    """Take a message that somebody else sent."""
    with app.connection_for_read() as connection:
        connection.SimpleQueue("idle").get(timeout=2)


def shut_down() -> None:
    """Stop workers: nobody, who is nowhere, so that the proof that it works does no harm."""
    app.control.shutdown(destination=["nobody@nowhere"])


def read_result() -> None:
    """Read a result; those of RabbitMQ are messages in a queue."""
    if own.scheme == "amqp":
        read_queue()
    else:
        app.backend.get(app.backend.get_key_for_task("of-somebody"))


def outcome(attack: Callable[[], None]) -> str:
    """Say whether an attack reached its goal, was denied, or failed for another reason."""
    try:
        attack()
    except Exception as error:
        said = f"{error!r} {error.__cause__!r}"
        return "denied" if any(refusal in said for refusal in REFUSALS) else said
    return "reached"


print(json.dumps({attack.__name__: outcome(attack) for attack in (send, read_queue, consume, shut_down, read_result)}))
