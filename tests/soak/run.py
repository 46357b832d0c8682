# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One round after the other: send tasks, let the faults happen, wait for what becomes of the tasks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.fleet import on_host
from tests.soak.draw import Fault, Lane
from tests.soak.faults import FAULTS
from tests.soak.field import Field, wait_until_ready
from tests.soak.ledger import Batch
from tests.work import together

HOSTS = ("app1", "app2")
WORKERS = {
    "live": [(host, name) for host in HOSTS for name in ("prefork", "threads", "gevent")],
    "uat": [(host, name) for host in HOSTS for name in ("rabbit_prefork", "rabbit_threads")],
    "debug": [("app2", "clock")],
}


class Soak:
    """A soak: what was sent and recorded, and which faults could not be made."""

    def __init__(self, field: Field) -> None:
        """Begin with nothing."""
        self.field = field
        self.batches: list[Batch] = []
        self.troubles: list[str] = []

    def run(self, rounds: Sequence[Sequence[Fault]]) -> None:
        """Do all rounds."""
        for number, faults in enumerate(rounds, 1):
            began = time.monotonic()
            together(self.happen, faults)
            kinds = ", ".join(fault.kind for fault in faults)
            say(f"round {number} of {len(rounds)}: {kinds}: {time.monotonic() - began:.0f} s")

    def happen(self, fault: Fault) -> None:
        """Send the workers their tasks, let a fault happen meanwhile, and wait until nobody has a task."""
        together(self.make_ready, fault.tasks)
        began = time.monotonic()
        batches = [Batch(fault, lane) for lane in fault.tasks]
        self.batches += batches
        over = threading.Event()
        with ThreadPoolExecutor(max_workers=len(batches)) as pool:
            sending = [pool.submit(self.field.send, batch, over) for batch in batches]
            time.sleep(fault.moment)
            at = time.monotonic()
            self.attempt(fault)
            lasted = time.monotonic() - at
            over.set()
            for one in sending:
                one.result()
        together(self.field.settle, batches)
        say(f"{fault}: it took {lasted:.0f} of {time.monotonic() - began:.0f} s")
        for batch in batches:
            self.tell(batch)

    def make_ready(self, lane: Lane) -> None:
        """Wait until a worker is ready; one that is not in time is a trouble, and is started anew."""
        try:
            wait_until_ready(lane)
        except (AssertionError, LookupError) as error:
            self.troubles.append(str(error))
            say(self.troubles[-1])
            on_host(lane.host, "systemctl", "restart", lane.unit)
            wait_until_ready(lane)

    def attempt(self, fault: Fault) -> None:
        """Let a fault happen; one that cannot be made is a trouble, and the soak goes on."""
        try:
            FAULTS[fault.kind](self.field, fault)
        except (AssertionError, LookupError, OSError, subprocess.SubprocessError, SystemExit) as error:
            self.troubles.append(f"{fault}: {error}")
            say(self.troubles[-1])

    def tell(self, batch: Batch) -> None:
        """Say what a fault has done to the tasks of a worker."""
        unfinished = {task.number for task in batch.unfinished()}
        stranded = {task.number for task in batch.stranded()}
        twice = {number for number, count in batch.numbers("begun").items() if count > 1}
        late = {task.number for task in batch.tasks if task.late}
        found = {
            "early: lost": unfinished - late - stranded,
            "late: lost": unfinished & late - stranded,
            "on the way": stranded,
            "early: twice": twice - late,
            "late: twice": twice & late,
        }
        said = "; ".join(f"{name} {sorted(some)}" for name, some in found.items() if some)
        if said:
            say(f"{batch.fault}; {batch.lane}: {said}")


def say(text: str) -> None:
    """Write a line for those who wait."""
    print(text, file=sys.stderr, flush=True)


def lanes_of(environments: Sequence[str]) -> list[Lane]:
    """Return the workers that the inventory has in some environments."""
    return [Lane(name, worker, host, name != "uat") for name in environments for host, worker in WORKERS[name]]
