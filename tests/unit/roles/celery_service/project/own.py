# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Celery application with a loader, a bootstep and signal handlers of its own, which note that they were called."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from celery import Celery, bootsteps, signals
from celery.loaders.app import AppLoader


def note(text: str) -> None:
    """Write a line into the file ``notes``."""
    with Path(os.environ["SAMPLE_DIRECTORY"], "notes").open("a") as notes:
        notes.write(f"{text}\n")


class Loader(AppLoader):
    """A loader of the application's own."""

    def on_worker_init(self) -> None:
        """Be called before the worker is."""
        note("loader")


class Step(bootsteps.StartStopStep):
    """A bootstep of the application's own."""

    requires = ("celery.worker.consumer:Connection",)

    def start(self, parent: Any) -> None:
        """Be called when there is a connection."""
        note("bootstep")


app = Celery("own", loader="own:Loader", broker="memory://")
app.steps["consumer"].add(Step)


@signals.worker_ready.connect(weak=False)
def on_ready(**_: Any) -> None:
    """Be called when the worker consumes, and listen to a signal of the operating system."""
    note("ready")
    signal.signal(signal.SIGUSR2, lambda *_: note("usr2"))


@signals.worker_shutting_down.connect(weak=False)
def on_stop(**_: Any) -> None:
    """Be called when the worker stops."""
    note("stop")
