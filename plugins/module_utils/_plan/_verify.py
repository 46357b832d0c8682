# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether services do what the inventory says. Decides; touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import text as text_of
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

_DRAINING = "stopping"
_BUSY = "busy with a task"
_LOOPING = ("scheduling", "listening at")  # how the status of beat and Flower begins when they work
_POOLS_OF_ONE_LOOP = ("solo", "gevent", "eventlet")  # a task can keep the main loop from answering
_RUNNING = re.compile(r"; (\d+) running")
_LATE = 30  # seconds without a sign of life; a service gives one at least every 5 seconds
_STALE = {
    "configuration": "its process is older than its files; run site.yml",
    "release": "its process runs {release}, but the directory leads to {current} now; run restart.yml",
    "code": "its process is older than the code or the packages on the disk; run restart.yml",
}


def is_busy(status: str, pool: str) -> bool:
    """Return whether a task may keep a worker with this ``status`` and ``pool`` from answering."""
    tasks = running(status)
    says_so = status.startswith(_BUSY) or (pool in _POOLS_OF_ONE_LOOP and bool(tasks))
    return says_so or (pool == "solo" and tasks is None)


def running(status: str) -> int | None:
    """Return how many tasks a worker with this ``status`` runs, none where it does not say so."""
    found = _RUNNING.search(status)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Wanted:
    """A service as the inventory describes it."""

    unit: str
    environment: str
    kind: str
    name: str
    node: str
    queues: tuple[str, ...]
    pool: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.name}"


@dataclass(frozen=True)
class Seen:
    """A service on the host, whether a signal has ``halted`` it, and ``silent`` seconds since its last sign of life."""

    service: Owned
    halted: bool
    silent: float | None
    stale: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.service.unit["StatusText"]

    @property
    def is_draining(self) -> bool:
        """Whether its tasks end since somebody stops it, and not systemd because it failed."""
        is_stopped = self.service.unit["ActiveState"] == "deactivating" and not self.service.unit.ending
        return is_stopped or (self.is_up and self.status.startswith(_DRAINING))

    @property
    def is_up(self) -> bool:
        return self.service.unit.is_up and bool(self.service.pid)

    def hang(self) -> str:
        """Return how its process hangs, empty if it does not."""
        if self.halted:
            return "its process is stopped by a signal (SIGSTOP), 'kill -CONT' lets it go on"
        if self.silent is not None and self.silent > _LATE:
            return f"its process has given no sign of life for {self.silent:.0f} s"
        return ""

    def is_busy(self, pool: str) -> bool:
        """Return whether a task of its may keep it from answering, in a ``pool`` of this kind."""
        return is_busy(self.status, pool)


@dataclass(frozen=True)
class Finding:
    """What is to be said of ``service``: something that is ``wrong``, or only worth a note."""

    service: Wanted
    text: str
    wrong: bool = True
    journal: bool = False

    def __str__(self) -> str:
        return f"{self.service}: {self.text}."


def look(wanted: Wanted, seen: Seen | None) -> list[Finding]:
    """Return what can be said of a service without asking its application."""
    if seen is None:
        return [Finding(wanted, f"this host has no {wanted.unit}; run site.yml")]
    if seen.is_draining:
        return [Finding(wanted, f"stops and lets its tasks end ({seen.status or 'deactivating'})", wrong=False)]
    crashing = "keeps crashing, and is started again and again"
    if not seen.is_up:
        more = f"; it {crashing}" if seen.service.keeps_crashing else ""
        return [Finding(wanted, f"{wanted.unit} is not up: {seen.service.unit}{more}", journal=True)]
    release = {"release": text_of(seen.service.release), "current": text_of(seen.service.current)}
    findings = [Finding(wanted, crashing, journal=True)] * seen.service.keeps_crashing
    findings += [Finding(wanted, _STALE[reason].format(**release)) for reason in seen.stale]
    hang = seen.hang()
    if hang:
        return [*findings, Finding(wanted, hang, journal=True)]
    if wanted.kind != "worker" and seen.status:
        works = seen.status.startswith(_LOOPING)
        text = seen.status if works else f"its status is: {seen.status}"
        findings.append(Finding(wanted, text, wrong=not works, journal=not works))
    return findings


def orphan(service: Owned) -> str:
    """Return what is wrong with a service that runs and that the inventory does not ask for."""
    return f"{service}: {service.unit.name} runs, and the inventory does not ask for it; run site.yml, or remove.yml."


def judge(wanted: Sequence[Wanted], seen: Mapping[str, Seen], answer: Mapping[str, Any]) -> list[Finding]:
    """Return what the ``answer`` of an application says of those of its workers that are up."""
    if "error" in answer:
        others = ", ".join(map(str, wanted[1:]))
        text = answer["error"].rstrip(".") + (f" (the same holds for {others})" if others else "")
        return [Finding(wanted[0], text, journal=True)]
    if answer["no_remote_control"]:
        text = "takes no remote commands (worker_enable_remote_control is off, or its broker has no broadcasts)"
        return [*(Finding(worker, text, wrong=False) for worker in wanted), *_queues(wanted, seen, answer)]
    findings = [
        Finding(worker, f"{times} processes answer to the node name {worker.node}; each takes its part of the tasks")
        for worker in wanted
        for times in [answer.get("answers", {}).get(worker.node, 0)]
        if times > 1
    ]
    for worker in wanted:
        told = answer["nodes"][worker.node]
        if told is None:
            findings.append(_silent(worker, seen[worker.unit], worker.pool or answer["pool"]))
        else:
            findings += _consumes(worker, set(told["queues"]), set(answer["wanted"][worker.node]))
    return [*findings, *_queues(wanted, seen, answer)]


def _silent(worker: Wanted, seen: Seen, pool: str) -> Finding:
    if seen.is_busy(pool):
        text = f"does not answer while it is busy ({seen.status or f'pool {pool}'}), so its queues were not tried"
        return Finding(worker, text, wrong=False)
    status = f" (its status is: {seen.status})" if seen.status else ""
    return Finding(worker, f"the node {worker.node} does not answer{status}", journal=True)


def _consumes(worker: Wanted, consumed: set[str], wanted: set[str]) -> list[Finding]:
    missing = [f"does not consume the queue {queue!r}" for queue in sorted(wanted - consumed)]
    more = [f"consumes the queue {queue!r}, which is not in the inventory" for queue in sorted(consumed - wanted)]
    return [Finding(worker, text) for text in (*missing, *more)]


def _queues(wanted: Sequence[Wanted], seen: Mapping[str, Seen], answer: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for each queue in which a task was not run, about the first of the workers that consume it."""
    findings = []
    for queue, worked in answer["worked"].items():
        workers = [worker for worker in wanted if queue in answer["wanted"][worker.node]]
        if worked:
            continue
        if worked is None:
            text = f"nobody can tell whether a task in the queue {queue!r} is run, its router keeps every answer back"
            findings.append(Finding(workers[0], text, wrong=False))
        elif queue in answer.get("failed", ()):
            text = f"a task in the queue {queue!r} was run and failed: celery.accumulate, which Celery has itself"
            findings.append(Finding(workers[0], text, journal=True))
        elif all(_was_occupied(worker, seen[worker.unit], answer) for worker in workers):
            text = f"was too busy to run a task in the queue {queue!r} in time"
            findings.append(Finding(workers[0], text, wrong=False))
        else:
            findings.append(Finding(workers[0], f"a task in the queue {queue!r} was not run in time", journal=True))
    return findings


def _was_occupied(worker: Wanted, seen: Seen, answer: Mapping[str, Any]) -> bool:
    """Return whether ``worker`` had no room for one more task, or has gone on with others, which were before it."""
    if answer["no_remote_control"]:
        return bool(running(seen.status))
    before, later = answer["nodes"][worker.node], answer["later"][worker.node]
    if before is None or later is None:
        return False
    is_full = len(later["active"]) >= (later["concurrency"] or 1)
    return is_full or (later["accepted"] > before["accepted"] and later["reserved"] > 0)
