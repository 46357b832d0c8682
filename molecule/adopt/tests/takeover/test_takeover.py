# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-ups that run under load are taken over and brought back, and no task and no tick is lost or doubled."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.fleet import on_host
from tests.inventory import Inventory, scenario_inventory
from tests.runs import changes, converged, interrupted, refused
from tests.work import eventually, together

SCENARIO = scenario_inventory().parent
APPLICATIONS = Path(__file__).parents[2]
SUPERVISOR = "/opt/supervisor/bin/supervisorctl -c /etc/supervisor/supervisord.conf"
SWITCH = {"celery_adopt_takeover": True}
SECRET = "hunter2-of-redis"


@dataclass(frozen=True)
class Taken:
    """An environment that is taken over, as tests/taken.yml of the scenario says.

    :ivar host: where it runs.
    :ivar record: the database of redis with what its tasks record, which is its broker unless that is named.
    :ivar module: its application.
    :ivar queues: what its workers consume.
    :ivar units: the units that it has before.
    :ivar scripts: those in /etc/init.d that the units are made of, if they are.
    :ivar programs: those of Supervisor that it has before, in the file ``programs_file``.
    :ivar workers: the units of its workers afterwards.
    :ivar others: its other units afterwards.
    :ivar schedule: the file of its beat, if it has one.
    :ivar is_serial: its workers have room for one task each, and may be locks.
    """

    host: str
    record: int
    module: str
    queues: list[str]
    workers: list[str]
    others: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)
    programs_file: str = ""
    schedule: str = ""
    is_serial: bool = False
    broker: str = ""


FOUND = yaml.safe_load((SCENARIO / "tests" / "taken.yml").read_text(encoding="utf-8"))
TAKEN = {name: Taken(**own) for name, own in FOUND["taken"].items()}
LEFT_ALONE = FOUND["left_alone"]
HOSTS = sorted({own.host for own in TAKEN.values()})
# A set-up of Supervisor, whose state shows that it goes on while its last task is waited for.
HALF_WAY = next(own for own in TAKEN.values() if own.programs and not own.is_serial)
LIMIT = ("--limit", ",".join(TAKEN))
# Without touching the files: a database of SQLite has others beside it when it is opened.
COUNT = """
import glob, os, shelve, shutil, sys, tempfile
with tempfile.TemporaryDirectory() as place:
    for path in glob.glob(sys.argv[1] + "*"):
        shutil.copy(path, place)
    print(shelve.open(os.path.join(place, os.path.basename(sys.argv[1])))["entries"]["tick"].total_run_count)
"""
# Ends what works on a host for a run, which holds the lock that is a directory.
KILL = """
for held in /proc/[0-9]*/fd/*; do
    [ "$(readlink "$held")" != /run/stalk.celery ] || kill -KILL "$(echo "$held" | cut -d / -f 3)" || true
done
"""
# Those that would get a second signal while they write, as the module says: with a shell, or a worker, above them.
END_BEATS = """
for held in $(find /proc/[0-9]*/fd -lname "$0*"); do
    beat="$(echo "$held" | cut -d / -f 3)"
    above="$(ps -o ppid= -p "$beat" | tr -d ' ')"
    case "$(cat "/proc/$above/comm")" in
        systemd | supervisord) continue ;;
        sh) kill -STOP "$above" ;;
    esac
    kill "$beat"
    while grep -q . "/proc/$beat/cmdline"; do sleep 0.1; done
done
"""


class Line(NamedTuple):
    """A line of the record."""

    event: str
    queue: str
    number: int
    waited: float
    at: float


class State(NamedTuple):
    """What there is at one moment: of units and programs, whether they run and whether they start with the host."""

    running: dict[str, set[str]]
    ours: dict[str, set[str]]
    enabled: dict[str, set[str]]
    programs: dict[str, set[str]]
    programs_files: dict[str, str]
    links: dict[str, set[str]]
    lines: dict[str, list[Line]]


class Story(NamedTuple):
    """What was seen when set-ups under load were taken over and brought back.

    ``counts`` is how often beats have sent the task, by the schedule files of theirs, when these had been stopped the
    first and the second time. ``lines`` is all of the record.
    """

    refusal: str
    taken: State
    again: str
    back: State
    rollback_again: str
    sent: dict[str, int]
    counts: tuple[dict[str, int], dict[str, int]]
    lines: dict[str, list[Line]]


def redis(own: Taken, *command: str) -> str:
    """Return what Redis answers in the database of an environment's record."""
    return on_host(own.host, "redis-cli", "--no-auth-warning", "-a", SECRET, "-n", str(own.record), *command)


def record(name: str) -> list[Line]:
    """Return what the tasks and the beats of an environment have recorded."""
    text = redis(TAKEN[name], "lrange", "record", "0", "-1")
    words = [line.split() for line in text.splitlines() if line]
    return [Line(event, queue, int(number), float(waited), float(at)) for event, queue, number, waited, at in words]


def states(host: str, units: Sequence[str], verb: str) -> set[str]:
    """Return what systemctl says of units."""
    return set(on_host(host, "sh", "-c", 'systemctl "$0" "$@" || true', verb, *units).split()) if units else set()


def programs(own: Taken) -> set[str]:
    """Return the states of an environment's programs of Supervisor."""
    if not own.programs:
        return set()
    lines = [line.split() for line in on_host(own.host, "sh", "-c", f"{SUPERVISOR} status || true").splitlines()]
    return {line[1] for line in lines if line[0] in own.programs}


def programs_file(own: Taken) -> str:
    """Return the file of an environment's programs of Supervisor."""
    return on_host(own.host, "cat", own.programs_file) if own.programs else ""


def links(own: Taken) -> set[str]:
    """Return those of an environment's scripts that start with the host."""
    found = on_host(own.host, "ls", "/etc/rc3.d").split()
    return {name[3:] for name in found if name.startswith("S")} & {*own.scripts}


def state() -> State:
    """Return what there is now."""

    def of_each(look: Callable[[Taken], set[str] | str]) -> dict[str, Any]:
        return dict(zip(TAKEN, together(look, TAKEN.values()), strict=True))

    return State(
        running=of_each(lambda own: states(own.host, own.units, "is-active")),
        ours=of_each(lambda own: states(own.host, [*own.workers, *own.others], "is-active")),
        enabled=of_each(lambda own: states(own.host, own.units, "is-enabled")),
        programs=of_each(programs),
        programs_files=of_each(programs_file),
        links=of_each(links),
        lines={name: record(name) for name in TAKEN},
    )


def others() -> str:
    """Return the Celery processes of environments that are left alone."""
    command = 'test ! "$0" || pgrep --full "$0" | sort'
    return "".join(on_host(host, "sh", "-c", command, LEFT_ALONE) for host in HOSTS)


def tell(host: str, verb: str) -> None:
    """Tell the managers of a host to stop or restart what is taken over, without Flower."""
    found = [own for own in TAKEN.values() if own.host == host]
    units = [unit for own in found for unit in own.units if "flower" not in unit]
    names = [program for own in found for program in own.programs]
    for schedule in (own.schedule for own in found if own.schedule and verb == "stop"):
        on_host(host, "sh", "-c", END_BEATS, schedule)
    if units:
        on_host(host, "systemctl", verb, *units)
    if names:
        on_host(host, *SUPERVISOR.split(), verb, *names)


def make_busy(host: str) -> None:
    """Give the set-ups of a host an application that records what it does."""
    application = (APPLICATIONS / "busy.py").read_text(encoding="utf-8")
    modules = [own.module for own in TAKEN.values() if own.host == host]
    on_host(host, "tee", *modules, stdin=application)
    tell(host, "restart")


def broker(own: Taken) -> str:
    """Return the URL of an environment's broker."""
    return own.broker or f"redis://:{SECRET}@127.0.0.1/{own.record}"


@contextmanager
def load() -> Iterator[dict[str, int]]:
    """Send tasks to all queues, and hold one of each worker that is no lock; in the end, how many each queue got."""
    program = (APPLICATIONS / "load.py").read_text(encoding="utf-8")
    running = {}
    for host in HOSTS:
        of_host = [own for own in TAKEN.values() if own.host == host]
        queues = [f"{broker(own)}/{queue}{'' if own.is_serial else '!'}" for own in of_host for queue in own.queues]
        command = ["podman", "exec", "--interactive", host, "/opt/venv/bin/python", "-c", program, *queues]
        running[host] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sent: dict[str, int] = {}
    try:
        yield sent
    finally:
        numbers = {host: int(process.communicate()[0]) for host, process in running.items()}
        sent.update({name: numbers[own.host] for name, own in TAKEN.items()})


def let_go() -> None:
    """Let the tasks end that are held."""
    for own in TAKEN.values():
        redis(own, "set", "enough", "1")


def events(lines: list[Line], event: str) -> Counter[tuple[str, int]]:
    """Return how often each task has begun, or is done."""
    return Counter((line.queue, line.number) for line in lines if line.event == event)


def senders(lines: list[Line]) -> list[tuple[int, int]]:
    """Return the beats that have sent the task, one after the other, and how often each has."""
    beats = [line.number for line in lines if line.event == "tick"]
    return [(beat, len(list(sent))) for beat, sent in groupby(beats)]


def wait_until_all_work(after: State | None = None) -> None:
    """Wait until tasks of each queue, and of each beat, are there that were not there before."""
    for name, own in TAKEN.items():
        known = len(after.lines[name]) if after else 0

        def is_at_work(name: str = name, own: Taken = own, known: int = known) -> bool:
            new = record(name)[known:]
            worked = {line.queue for line in new if line.event == "done"}
            beats = {line.number for line in new if line.event == "tick"}
            before = {line.number for line in after.lines[name] if line.event == "tick"} if after else set()
            return worked == {*own.queues} and (bool(beats - before) or not own.schedule)

        eventually(f"{name} works", is_at_work, 180)


def is_half_way() -> bool:
    """Return whether new workers are there, and wait for old ones, which have a task that is held."""
    if states(HALF_WAY.host, HALF_WAY.workers, "is-active") != {"active"}:
        return False
    listed = ("systemctl", "list-units", "--state=running", "stalk-celery-*.service")
    return "stalk-celery-" in on_host(HALF_WAY.host, *listed)


def counted() -> dict[str, int]:
    """Return how often beats have sent the task, by the schedule files of theirs, which do not run."""
    scheduled = {name: own for name, own in TAKEN.items() if own.schedule}
    return {
        name: int(on_host(own.host, "/opt/venv/bin/python", "-c", COUNT, own.schedule))
        for name, own in scheduled.items()
    }


def wait_for_the_end(sent: dict[str, int]) -> None:
    """Wait until no task is left."""
    for name, own in TAKEN.items():
        wanted = {(queue, number) for queue in own.queues for number in range(sent[name])}

        def is_done(name: str = name, wanted: set[tuple[str, int]] = wanted) -> bool:
            return {*events(record(name), "done")} == wanted

        eventually(f"all tasks of {name} are done", is_done, 120)


def take_over(inventory: Inventory) -> State:
    """Take over, with a run that dies half-way and one that goes on without being asked to; what there is then."""
    before = state()
    interrupted(is_half_way, *LIMIT, inventory=inventory, variables=SWITCH)
    on_host(HALF_WAY.host, "sh", "-c", KILL)
    assert programs(HALF_WAY) == {"RUNNING"}, "the task that is held is waited for"
    let_go()
    converged(*LIMIT, inventory=inventory)
    wait_until_all_work(before)
    return state()


def bring_back(inventory: Inventory, taken: State) -> State:
    """Roll back; what there is then."""
    both = {"celery_rollback_serial": len(HOSTS)}
    converged(*LIMIT, playbook="playbooks/rollback.yml", inventory=inventory, variables=both)
    wait_until_all_work(taken)
    return state()


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Return the inventory that adopt.yml writes."""
    directory = tmp_path_factory.mktemp("takeover") / "mine"
    vault = directory / "group_vars" / "all" / "vault.yml"
    where = {"celery_adopt_directory": str(directory), "celery_adopt_secrets": str(vault)}
    converged(playbook="playbooks/adopt.yml", variables=where)
    found = Inventory.__new__(Inventory)
    found.directory = directory
    return found


@pytest.fixture(scope="module")
def story(inventory: Inventory) -> Story:
    """Take over and roll back under load."""
    left_alone = others()
    together(make_busy, HOSTS)
    with load() as sent:
        wait_until_all_work()
        refusal = refused(*LIMIT, inventory=inventory)
        taken, counts = take_over(inventory), counted()
        verify, site = {"playbook": "playbooks/verify.yml"}, {"variables": SWITCH}
        _verified, again = together(lambda named: converged(*LIMIT, inventory=inventory, **named), (verify, site))
        back = bring_back(inventory, taken)
    assert others() == left_alone
    wait_for_the_end(sent)
    rollback_again = refused(*LIMIT, playbook="playbooks/rollback.yml", inventory=inventory)
    together(lambda host: tell(host, "stop"), HOSTS)
    lines = {name: record(name) for name in TAKEN}
    return Story(refusal, taken, again, back, rollback_again, sent, (counts, counted()), lines)


def test_nothing_starts_beside_them_without_being_asked_to(story: Story) -> None:
    """Neither does what was brought back with a second rollback."""
    for name, own in TAKEN.items():
        assert f"{name}: a Celery worker" in story.refusal
        assert [one for one in (*own.units, *own.programs) if one not in story.refusal] == []
    assert "-e celery_adopt_takeover=true" in story.refusal
    assert "runs again; take it over with site.yml -e celery_adopt_takeover=true" in story.rollback_again


@pytest.mark.parametrize("name", TAKEN)
def test_each_task_is_done_once(story: Story, name: str) -> None:
    """Those that were running, reserved and waiting when workers came and went, in both directions."""
    sent = Counter((queue, number) for queue in TAKEN[name].queues for number in range(story.sent[name]))
    assert (events(story.lines[name], "begun"), events(story.lines[name], "done")) == (sent, sent)


@pytest.mark.parametrize("name", [name for name, own in TAKEN.items() if not own.is_serial])
def test_no_queue_is_without_a_consumer(story: Story, name: str) -> None:
    """While they are taken over."""
    assert max(line.waited for line in story.taken.lines[name] if line.event == "begun") < 10


@pytest.mark.parametrize("name", [name for name, own in TAKEN.items() if own.is_serial])
def test_what_may_be_a_lock_never_runs_two_tasks_at_once(story: Story, name: str) -> None:
    """Neither while it is taken over nor while it is brought back: no more than there are workers."""
    steps = [{"begun": 1, "done": -1}[line.event] for line in story.lines[name] if line.event != "tick"]
    assert max(accumulate(steps)) <= len(TAKEN[name].workers)


@pytest.mark.parametrize("name", [name for name, own in TAKEN.items() if own.schedule])
def test_no_tick_is_doubled_or_forgotten(story: Story, name: str) -> None:
    """There are three beats, one after the other, and each has gone on with what the one before had sent."""
    sent = [count for _beat, count in senders(story.lines[name])]
    assert len(sent) == 3, sent
    assert (story.counts[0][name], story.counts[1][name]) == (sent[0], sum(sent))


def test_they_are_gone_and_stay_so(story: Story) -> None:
    """Stopped, not started at boot; all is well with what is there instead, and nothing is left to be done."""
    assert story.taken.ours == {name: {"active"} for name in TAKEN}
    for name, own in TAKEN.items():
        assert story.taken.running[name] == ({"inactive"} if own.units else set())
        assert story.taken.enabled[name] <= {"disabled", "generated"}
        assert story.taken.programs[name] == ({"STOPPED"} if own.programs else set())
        file = ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
        file.read_string(story.taken.programs_files[name])
        assert {file[f"program:{program}"]["autostart"] for program in own.programs} <= {"false"}
        assert story.taken.links[name] == set()
    assert changes(story.again) == dict.fromkeys(HOSTS, 0)


def test_a_rollback_brings_them_back(story: Story) -> None:
    """As they were, and nothing of ours is left."""
    for name, own in TAKEN.items():
        assert story.back.running[name] == ({"active"} if own.units else set())
        assert story.back.enabled[name] <= {"enabled", "generated"}
        assert story.back.ours[name] == {"inactive"}
        assert story.back.programs[name] == ({"RUNNING"} if own.programs else set())
        before = SCENARIO / f"hosts/{own.host}{own.programs_file}"
        assert story.back.programs_files[name] == (before.read_text(encoding="utf-8") if own.programs else "")
        assert story.back.links[name] == {*own.scripts}
