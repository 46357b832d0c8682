# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to happen, drawn from a seed: which faults, to which workers, when, and what the workers have to do then."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

PAUSE = 0.4  # seconds from one task of a worker to the next, at most
LONG = 2  # tasks of each worker and fault that take as long as the longest, or half as long
FEWEST = 30  # tasks of each worker and fault
DURATIONS = ((0.01, 0.1), (0.01, 0.1), (0.01, 0.5), (0.1, 2.0))  # seconds, each as often as the others
LATEST = 0.4  # part of the time of sending after which a fault has come


class Scope(Enum):
    """Whom a fault hits."""

    WORKER = "a worker"
    HOST = "a host"
    FLEET = "all"


@dataclass(frozen=True)
class Lane:
    """A worker on a host. It alone works its queue, and one fault after the other hits it."""

    environment: str
    name: str
    host: str
    is_on_redis: bool = True

    @property
    def unit(self) -> str:
        """The unit."""
        return f"celery-{self.environment}-{self.name}.service"

    @property
    def queue(self) -> str:
        """The queue."""
        return f"{self.name}-{self.host}"

    def __str__(self) -> str:
        """Return what people call it."""
        return f"{self.name} on {self.host}"


@dataclass(frozen=True)
class Kind:
    """A class of faults.

    ``ends`` is true where a process is ended without being asked to: what it runs is lost if it is acknowledged, and
    runs again if it is not. ``cuts`` is true where the broker may believe that a worker is gone which is not: it gives
    out again what that worker runs. ``strands`` is true where Redis may hand a task to a worker that does not get it:
    it keeps no copy until the worker has answered, and so loses one at most.
    """

    title: str
    scope: Scope = Scope.WORKER
    names: tuple[str, ...] = ()
    ends: bool = False
    cuts: bool = False
    strands: bool = False

    def fits(self, lane: Lane) -> bool:
        """Return whether it can hit a worker; one with a clock of its own is there for that alone."""
        return lane.name in self.names if self.names else lane.name != "clock"


KINDS = {
    "hand_over": Kind("hand-over"),
    "restart": Kind("restart"),
    "stop": Kind("stop, and a start later"),
    "stop_both": Kind("restart during a hand-over"),
    "shut_down": Kind("shutdown by remote control"),
    "deploy": Kind("`site.yml` killed, and run again", Scope.HOST),
    "reboot": Kind("reboot", Scope.HOST),
    "disk": Kind("hand-over while `/run` is full", Scope.HOST),
    "pause": Kind("SIGSTOP, and SIGCONT later"),
    "clock": Kind("clock set a day ahead or back", names=("clock",), cuts=True),
    "network": Kind("network away", Scope.HOST, cuts=True, strands=True),
    "broker_restart": Kind("broker restarted", Scope.FLEET, cuts=True, strands=True),
    "broker_gone": Kind("broker away", Scope.FLEET, cuts=True, strands=True),
    "kill_child": Kind("kill -9 of a child", names=("prefork", "rabbit_prefork"), ends=True),
    "kill_main": Kind("kill -9 of the main process", ends=True, strands=True),
    "kill_old": Kind("kill -9 of the old process in a hand-over", ends=True, strands=True),
    "kill_new": Kind("kill -9 of the new process in a hand-over", ends=True, strands=True),
    "hang": Kind("SIGSTOP, ended by the watchdog", ends=True, strands=True),
    "memory": Kind("memory refused", ends=True, strands=True),
    "power": Kind("power cut", Scope.HOST, ends=True, strands=True),
}


@dataclass(frozen=True)
class Task:
    """A task, and how many seconds after the one before it is sent."""

    number: int
    seconds: float
    late: bool
    pause: float


@dataclass(frozen=True)
class Fault:
    """What happens to workers so many seconds after the first task was sent, while they have tasks.

    ``share`` is for what its kind leaves open: how long, which child, at which task of a run.
    """

    number: int
    kind: str
    moment: float
    share: float
    tasks: dict[Lane, tuple[Task, ...]]

    def __str__(self) -> str:
        """Return what people call it."""
        return f"fault {self.number}, {KINDS[self.kind].title}: {', '.join(map(str, self.tasks))}"


@dataclass(frozen=True)
class Shape:
    """How much is drawn: faults of which kinds, at least how many tasks, and how many seconds the longest take."""

    faults: int = 100
    tasks: int = 11_000  # some cannot be sent while the broker is away
    longest: float = 30.0
    kinds: tuple[str, ...] = tuple(KINDS)


Hit = tuple[str, Sequence[Lane]]


def draw(seed: int, lanes: Sequence[Lane], shape: Shape) -> list[list[Fault]]:
    """Return rounds: the faults of one happen side by side, to different workers."""
    rng = random.Random(seed)
    drawn = _kinds(rng, shape)
    rounds = [*_of_workers(rng, drawn, lanes), *_of_hosts(rng, drawn, lanes), *_of_all(drawn, lanes)]
    rng.shuffle(rounds)
    each = max(FEWEST, math.ceil(shape.tasks / sum(len(hit) for one in rounds for _kind, hit in one)))
    numbers, of_tasks = itertools.count(1), itertools.count(1)
    return [[_fault(rng, next(numbers), hit, each, shape.longest, of_tasks) for hit in one] for one in rounds]


def _kinds(rng: random.Random, shape: Shape) -> list[str]:
    """Return kinds in turn, so that none comes much more often than the others, but those of workers twice as often."""
    drawn: list[str] = []
    while len(drawn) < shape.faults:
        of_workers = [kind for kind in shape.kinds if KINDS[kind].scope is Scope.WORKER]
        drawn += [*rng.sample(shape.kinds, len(shape.kinds)), *rng.sample(of_workers, len(of_workers))]
    return drawn[: shape.faults]


def _of_workers(rng: random.Random, drawn: Sequence[str], lanes: Sequence[Lane]) -> Iterator[list[Hit]]:
    """Yield rounds of faults that each hit one worker; those that few workers can have come first."""
    left = [kind for kind in drawn if KINDS[kind].scope is Scope.WORKER]
    while left:
        hits: list[Hit] = []
        for lane in rng.sample(lanes, len(lanes)):
            kind = next((one for one in sorted(left, key=_is_common) if KINDS[one].fits(lane)), None)
            if kind:
                left.remove(kind)
                hits.append((kind, [lane]))
        if not hits:
            raise ValueError(f"no worker can have {', '.join(left)}")
        yield hits


def _is_common(kind: str) -> bool:
    return not KINDS[kind].names


def _of_hosts(rng: random.Random, drawn: Sequence[str], lanes: Sequence[Lane]) -> Iterator[list[Hit]]:
    """Yield rounds of faults that each hit all workers of a host."""
    left = [kind for kind in drawn if KINDS[kind].scope is Scope.HOST]
    hosts = sorted({lane.host for lane in lanes})
    while left:
        chosen = [left.pop() for _host in hosts[: len(left)]]
        places = rng.sample(hosts, len(chosen))
        yield [(kind, [one for one in lanes if one.host == host]) for kind, host in zip(chosen, places, strict=True)]


def _of_all(drawn: Sequence[str], lanes: Sequence[Lane]) -> Iterator[list[Hit]]:
    for kind in drawn:
        if KINDS[kind].scope is Scope.FLEET:
            yield [(kind, lanes)]


def _fault(rng: random.Random, number: int, hit: Hit, each: int, longest: float, numbers: Iterator[int]) -> Fault:
    kind, lanes = hit
    tasks = {lane: tuple(_tasks(rng, each, longest, numbers)) for lane in lanes}
    sending = min(sum(task.pause for task in some) for some in tasks.values())
    return Fault(number, kind, rng.uniform(1, 1 + LATEST * sending), rng.random(), tasks)


def _tasks(rng: random.Random, count: int, longest: float, numbers: Iterator[int]) -> Iterator[Task]:
    """Yield tasks of one worker; the first ones are the longest, since a fault is to find them running."""
    for place, number in zip(range(count), numbers, strict=False):
        bounds = (longest / 2, longest) if place < LONG else rng.choice(DURATIONS)
        seconds = round(rng.uniform(*bounds), 2)
        yield Task(number, seconds, rng.random() < 0.5, rng.uniform(0, PAUSE))
