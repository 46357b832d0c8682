# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which foreign services are taken over, when each of them goes, and what of their files changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _ask
from ansible_collections.stalk.celery.plugins.module_utils._plan import _generation, _takeover
from ansible_collections.stalk.celery.plugins.module_utils._plan._adoption import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._calls import Context, calls
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, File
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import Foreign, manager_of
from ansible_collections.stalk.celery.plugins.module_utils._plan._generation import Generation
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import NONE, SUPERVISOR, SYSTEMD, SetUp
from ansible_collections.stalk.celery.plugins.module_utils._plan._takeover import Beat, Taken

PATH = "/etc/supervisor/conf.d/edc.conf"
BEAT = Beat("/var/lib/celery-live/schedule", "live", "live")


def process(text: str = "celery -A edc worker -n w1@app1", pid: int = 11, parent: int = 1) -> Process:
    """Return a process of celery.service."""
    return Process(pid, parent, 0, tuple(text.split()), "/srv/edc", "/system.slice/celery.service", {})


def foreign(own: Process, kind: str = "worker", environment: str = "live") -> Foreign:
    """Return it as one that runs beside the services of an environment."""
    return Foreign(environment, kind, own, manager_of(own))


def service(*own: Process, name: str = "celery.service", manager: str = SYSTEMD) -> Service:
    """Return the set-up of processes."""
    words = own[0].words
    (call,) = calls(words, Context(), lambda _path: "")
    return Service(SetUp(manager, name, f"/etc/{name}", " ".join(words), words), call, own)


def taken(text: str = "celery -A edc worker -n w1@app1", kind: str = "worker", beat: Beat | None = None) -> Taken:
    """Return a service that is taken over."""
    own = process(text)
    found = [(foreign(own, kind), service(own))]
    return _takeover.taken(found, (), "celery.service", True, ["/etc/celery.service"], "/srv/edc/s", beat, "app1")


@pytest.mark.parametrize(
    ("kinds", "others", "manager", "obstacle"),
    [
        ({"worker"}, (), SYSTEMD, ""),
        ({"worker"}, (), NONE, "no unit, program of Supervisor or script in /etc/init.d starts it"),
        ({"beat"}, (), SYSTEMD, "the inventory has no worker of live on this host"),
        ({"worker"}, (12,), SYSTEMD, "celery.service runs process 12 too, which is not of live"),
        ({"worker"}, (12,), SUPERVISOR, "Supervisor's program celery.service runs process 12 too"),
    ],
)
def test_what_nobody_can_stop_or_what_is_not_of_the_environment_is_no_business_of_ours(
    kinds: set[str], others: tuple[int, ...], manager: str, obstacle: str
) -> None:
    own = process()
    beside = [process(pid=pid) for pid in others]
    services = [service(own, *beside, manager=manager)]
    found = [foreign(own), *(foreign(other, environment="uat") for other in beside)]
    assert _takeover.obstacle(found[0], services, found, kinds).startswith(obstacle)
    assert bool(_takeover.obstacle(found[0], services, found, kinds)) == bool(obstacle)


def test_beat_of_a_host_that_has_none_any_more_is_not_taken_over() -> None:
    """It would have to stop before one on another host starts, and nobody there knows of it."""
    own = process("celery -A edc worker -B")
    found = [foreign(own, "worker with beat")]
    assert "no beat of live on this host" in _takeover.obstacle(found[0], [service(own)], found, {"worker"})
    assert _takeover.obstacle(found[0], [service(own)], found, {"worker", "beat"}) == ""


@pytest.mark.parametrize(
    ("text", "kind", "before", "after"),
    [
        ("celery worker", "worker", [], ["worker"]),
        ("celery worker -c 8", "worker", [], ["worker"]),
        ("celery worker -c 1", "worker", ["worker"], []),
        ("celery worker --pool=solo", "worker", ["worker"], []),
        ("celery worker --autoscale=1,1", "worker", ["worker"], []),
        ("celery worker --autoscale=1,2", "worker", [], ["worker"]),
        ("celery worker --autoscale=1", "worker", ["worker"], []),
        ("celery worker -c 1 --autoscale=4", "worker", [], ["worker"]),
        ("celery worker -c 4 --autoscale=0,1", "worker", ["worker"], []),
        ("celery worker -c 01", "worker", ["worker"], []),
        ("celery worker -c 0", "worker", [], ["worker"]),
        ("celery worker -c 1 --autoscale=some", "worker", ["worker"], []),
        ("celery worker -B -c 4", "worker with beat", [], ["worker"]),
        ("celery worker -B -c 1", "worker with beat", ["worker"], []),
        ("celery beat", "beat", ["beat"], []),
        ("celery flower", "flower", ["flower"], []),
    ],
)
def test_a_worker_goes_when_the_new_ones_are_ready_unless_it_may_be_a_lock(
    text: str, kind: str, before: list[str], after: list[str]
) -> None:
    gone = taken(text, kind)
    kinds = ("worker", "beat", "flower")
    assert [one for one in kinds if gone.goes_before([one])] == before
    assert [one for one in kinds if gone.goes_after([one])] == after


def test_several_workers_of_one_unit_are_one_service() -> None:
    one, other = process("celery -A edc worker -n w1@app1 -c 4 -Q a,b"), process("celery worker -n w2 -c 1", pid=12)
    found = [(foreign(one), service(one)), (foreign(other), service(other))]
    gone = _takeover.taken(found, (), "celery.service", True, [], "", None, "app1")
    assert (gone.nodes, gone.queues, gone.is_serial) == (("w1@app1", "celery@w2"), ("a", "b"), True)


@pytest.mark.parametrize(
    ("text", "held", "is_berkeley", "schedule"),
    [
        ("celery beat", [], False, "/srv/edc/celerybeat-schedule"),
        ("celery beat -s run/beat", [], False, "/srv/edc/run/beat"),
        ("celery beat --schedule=/var/lib/beat", ["/srv/edc/schedule.db"], False, "/var/lib/beat"),
        ("celery beat", ["/var/log/beat.log", "/var/lib/edc/my-schedule.db"], True, "/var/lib/edc/my-schedule"),
        ("celery beat", ["/srv/edc/schedule.db", "/srv/edc/schedule.db-wal"], False, "/srv/edc/schedule.db"),
        ("celery beat", ["/srv/edc/schedule.db.db"], True, "/srv/edc/schedule.db"),
        ("celery beat", ["/srv/edc/schedule.dir", "/srv/edc/schedule.pag"], False, "/srv/edc/schedule"),
    ],
)
def test_the_schedule_file_is_found(text: str, held: list[str], is_berkeley: bool, schedule: str) -> None:
    """Where the command line, the files that are open or the directory say, by the name that Python's dbm has."""
    found = _takeover.schedule_of(service(process(text)), "/srv/edc", held, lambda _path: is_berkeley)
    assert found == schedule


def test_a_queue_that_nobody_would_consume_is_told() -> None:
    assert _takeover.missing_queues(["a", "b", "c"], [["a"], ["b", "x"]]) == ["c"]
    assert _takeover.missing_queues(["a"], [["b"], []]) == [], "that one consumes what the application has"


def test_supervisor_says_what_a_process_is_and_not_the_process() -> None:
    status = "celery   RUNNING   pid 867, uptime 0:03\nedc:w_00   RUNNING   pid 11, uptime 1:00\nold   STOPPED   Nov 26"
    family = [process(pid=pid, parent=parent) for pid, parent in ((11, 1), (12, 867), (9, 8))]
    assert [_takeover.handle_of(status, own) for own in family] == ["edc:w_00", "celery", ""]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[program:w]\ncommand=x\n", "[program:w]\nautostart=false\ncommand=x\n"),
        ("[program:w]\ncommand=x\nautostart = true\n", "[program:w]\ncommand=x\nautostart=false\n"),
        ("[program:v]\nautostart=true\n[program:w]", "[program:v]\nautostart=true\n[program:w]\nautostart=false\n"),
        ("[program:ww]\ncommand=x\n", "[program:ww]\ncommand=x\n"),
    ],
)
def test_a_program_is_disabled_in_its_file_and_that_alone_is_undone(before: str, after: str) -> None:
    """Also when another program in the same file has been disabled meanwhile."""
    gone = _takeover.parsed({**_takeover.described(taken()), "manager": SUPERVISOR, "handle": "w", "paths": [PATH]})
    kept = File(PATH, Attributes("root", "root", 0o644), before.encode())
    assert _takeover.disabled(gone, before) == after
    assert _takeover.returned(gone, kept, after).rstrip() == before.rstrip()
    other = "[program:other]\nautostart=false\n"
    assert _takeover.returned(gone, kept, f"{other}{after}").rstrip() == f"{other}{before}".rstrip()
    assert _takeover.returned(gone, kept, None) == before


def test_a_unit_file_that_is_there_stays_as_it_is() -> None:
    kept = File("/etc/celery.service", Attributes("root", "root", 0o644), b"old")
    assert _takeover.returned(taken(), kept, "edited since") == "edited since"
    assert _takeover.returned(taken(), kept, None) == "old"


def test_a_generation_keeps_what_was_taken_over() -> None:
    gone = taken("celery worker -B", "worker with beat", BEAT)
    assert (gone.own_schedule, gone.own_user) == (BEAT.schedule, "live")
    files = (File("/etc/celery.service", Attributes("root", "root", 0o644), b"[Service]\n"),)
    kept = Generation(taken=(gone,), taken_files=files)
    assert _generation.from_json(_generation.to_json(kept)) == kept
    with pytest.raises(ValueError, match="no service that is taken over"):
        _takeover.parsed({"environment": "live"})


class Workers:
    """Stands for the remote control of an application: what each worker consumes and still does."""

    def __init__(self, busy: int, pids: Mapping[str, Iterable[int]]) -> None:
        self.busy = busy
        self.pids = pids
        self.queues = {node: ["a", "b"] for node in pids}
        self.conf = self
        self.worker_enable_remote_control = True
        self.control = self
        self.mailbox = self
        self.accept_content = ["json"]
        self.task_serializer = "json"

    def supports_exchange_type(self, _name: str) -> bool:
        return True

    def broadcast(self, command: str, destination: list[str], **_options: Any) -> list[dict[str, Any]]:
        if command == "active" and not any(self.queues.values()):
            self.busy -= 1
        if command == "stats":
            return [{node: {"pid": pid}} for node in destination for pid in self.pids[node]]
        answers: dict[str, Callable[[str], list[dict[str, Any]]]] = {
            "active_queues": lambda node: [{"name": name} for name in self.queues[node]],
            "active": lambda _node: [{}] * (self.busy > 0),
            "reserved": lambda _node: [],
        }
        return [{node: answers[command](node)} for node in destination]

    def cancel_consumer(self, name: str, destination: list[str], **_options: Any) -> None:
        self.queues[destination[0]].remove(name)


def asker(workers: Workers) -> Any:
    clock = _ask.Clock(60)
    clock.start("waiting", 20)
    clock.stop()
    return _ask.AppClient(workers, workers, clock)


def test_a_worker_consumes_no_more_and_ends_what_it_has() -> None:
    workers = Workers(3, {"w1@app1": [os.getpid()]})
    assert asker(workers).drain({"w1@app1": os.getpid()}) == {"busy": []}
    assert workers.queues == {"w1@app1": []}
    assert workers.busy < 0


def test_a_worker_that_has_not_ended_in_time_is_told() -> None:
    workers = Workers(10**9, {"w1@app1": [os.getpid()]})
    own = asker(workers)
    own.clock.start("waiting", _ask._LAST + 0.3)
    own.clock.stop()
    assert own.drain({"w1@app1": os.getpid()}) == {"busy": ["w1@app1"]}


def test_another_worker_of_the_same_name_is_told_nothing() -> None:
    """Both would hear it."""
    workers = Workers(0, {"w1@app1": [os.getpid(), 1]})
    with pytest.raises(_ask.RefusalError, match="process 1 answers to w1@app1 beside"):
        asker(workers).drain({"w1@app1": os.getpid()})
    assert workers.queues == {"w1@app1": ["a", "b"]}


def test_a_worker_that_is_gone_is_not_waited_for() -> None:
    assert asker(Workers(0, {})).drain({"w1@app1": 2**22 + 1}) == {"busy": []}
