# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The days of a fleet, one after the other: each test begins with what the one before has left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path

from tests.fleet import APP, Service, files, on_host, python, service, services, tick_senders, whoami_of
from tests.inventory import Inventory
from tests.load import load
from tests.releases import Releases
from tests.runs import changes, converged, interrupted, refused
from tests.work import eventually

DEPLOY = "molecule/fleet/prepare.yml"
VERIFY = "stalk.celery.verify"
RESTART = "stalk.celery.restart"
ROLLBACK = "stalk.celery.rollback"
STATUS = "stalk.celery.status"
REMOVE = "stalk.celery.remove"
EDC = Releases("/home/live/edc", "meta_edc/tasks.py")
HOSTS = ["app1", "app2", "app3"]
MIGRATED = "/var/lib/celery-live/migrated"
MOVES = [*["app2", "app3", "app1"] * 3, "app2"]
NOT_IMPORTABLE = "import no_such_module\n"
NEVER_READY = """
from celery.signals import worker_init


@worker_init.connect
def refuse(**_):
    raise SystemExit("this release does not start")
"""
SEND = (
    APP
    + """
queue, count, seconds = sys.argv[1:]
for _number in range(int(count)):
    app.send_task("meta_edc.tasks.sleep", [float(seconds)], queue=queue)
print("null")
"""
)
LONGEST_WAIT = 10  # seconds, for a task while workers are handed over on a busy machine


def worker(host: str = "app1") -> Service:
    """Return the worker of live on the default queue of a host."""
    return service(host, "celery-live-w1")


def processes(host: str) -> dict[str, tuple[str, int]]:
    """Return state and PID of each service of a host."""
    return {found.unit: (found.state, found.pid) for found in services(host)}


@contextmanager
def untouched(*hosts: str) -> Iterator[None]:
    """Assert that a block changes no file and no process of these hosts."""
    before = [(files(host), processes(host)) for host in hosts]
    yield
    assert [(files(host), processes(host)) for host in hosts] == before


def releases(hosts: Sequence[str]) -> dict[str, str]:
    """Return for each host the release in which its worker of live on the default queue runs tasks."""
    reports = whoami_of(worker(), "celery", [f"w1@{host}" for host in hosts])
    ran = {node.partition("@")[2]: report["pid"] for node, report in reports.items()}
    return {host: EDC.of(host, pid) for host, pid in ran.items()}


def beats() -> list[str]:
    """Return the hosts on which beat of live runs."""
    unit = "celery-live-beat.service"
    return [host for host in HOSTS for found in services(host) if found.unit == unit and found.pid]


def ticks_come_from(host: str) -> bool:
    """Return whether the last tick was sent from a host."""
    return tick_senders(worker())[-1].endswith(f"@{host}")


def change(inventory: Inventory, **keys: object) -> None:
    """Write keys of live into the inventory."""
    inventory.write("live", {**inventory.environment("live"), **keys})


def test_what_runs_is_proven_and_nothing_changes(inventory: Inventory) -> None:
    """A task went through every queue of every environment."""
    with untouched(*HOSTS):
        output = converged(playbook=VERIFY, inventory=inventory)
    assert set(changes(output).values()) == {0}
    assert "celery-live-mails.service" in output


def test_what_does_not_work_is_named(inventory: Inventory) -> None:
    """Systemd calls all of this running: a worker that lost a queue, and one that hangs."""
    on_host("app2", "celery-live", "control", "--timeout=10", "--destination=mails@app2", "cancel_consumer", "mails")
    on_host("app1", "systemctl", "kill", "--signal=STOP", "--kill-whom=main", "celery-live-w1")
    try:
        output = refused("-l", "live", playbook=VERIFY, inventory=inventory)
    finally:
        on_host("app1", "systemctl", "kill", "--signal=CONT", "--kill-whom=main", "celery-live-w1")
        on_host("app2", "celery-live", "control", "--timeout=10", "--destination=mails@app2", "add_consumer", "mails")
    assert "celery-live-w1.service" in output
    assert "mails" in output
    converged("-l", "live", playbook=VERIFY, inventory=inventory)


def test_a_release_is_rolled_out_under_load(inventory: Inventory) -> None:
    """Nothing is lost, nothing runs twice, and no task waits for long; the hook ran once, in the new release."""
    change(inventory, migrate=f"pwd -P >> {MIGRATED}")
    EDC.deploy(["app1", "app2"], "2")
    uat = processes("app2")["celery-uat-w1.service"]
    with load(worker(), ["app1", "app2"], f"{EDC.root}/current") as work:
        converged("-l", "live", playbook=RESTART, inventory=inventory)
    work.assert_each_done_once()
    print(f"{len(work.sent)} tasks, the longest wait was {work.longest_wait():.1f} s")
    assert work.longest_wait() < LONGEST_WAIT
    assert releases(["app1", "app2"]) == {"app1": "2", "app2": "2"}
    assert on_host("app1", "cat", MIGRATED) == f"{EDC.root}/releases/2\n"
    assert MIGRATED not in files("app2")
    assert processes("app2")["celery-uat-w1.service"] == uat


def test_a_host_that_cannot_be_reached_is_left_out_and_named(inventory: Inventory, tmp_path: Path) -> None:
    """The run fails at its end; until then it does what it can."""
    lost = Inventory(tmp_path, inventory.directory)
    lost.lose("app2")
    EDC.deploy(["app1", "app2"], "3")
    before = processes("app2")
    output = refused("-l", "live", playbook=RESTART, inventory=lost)
    assert "app2 could not be reached" in output
    assert "-l 'app2:&live'" in output
    assert processes("app2") == before
    assert releases(["app1", "app2"]) == {"app1": "3", "app2": "2"}


def test_a_restart_that_is_interrupted_is_finished_by_the_next(inventory: Inventory) -> None:
    """Ctrl-C after the first service: the next run brings all of them to the new code."""
    before = [processes(host) for host in HOSTS]
    interrupted(
        lambda: [processes(host) for host in HOSTS] != before, "-l", "live", playbook=RESTART, inventory=inventory
    )
    converged("-l", "live", playbook=RESTART, inventory=inventory)
    assert releases(["app1", "app2"]) == {"app1": "3", "app2": "3"}


def test_a_host_that_is_added_to_the_group_is_at_work(inventory: Inventory) -> None:
    """One more line and a run for this host, and the others notice nothing."""
    inventory.add_host("live", "app3")
    converged("-l", "app3", playbook=DEPLOY, inventory=inventory)
    EDC.deploy(["app3"], "3")
    with untouched("app1", "app2"):
        converged("-l", "app3", inventory=inventory)
    assert releases(HOSTS) == dict.fromkeys(HOSTS, "3")


def test_beat_moves_and_no_tick_is_doubled(inventory: Inventory) -> None:
    """All runs but one leave the old host out. Each beat's ticks come in one piece: no two were sending at a time."""
    began = len(tick_senders(worker()))
    for number, host in enumerate(MOVES):
        change(inventory, beat={"host": host})
        converged("-l", "live" if number == 5 else host, inventory=inventory)
        assert beats() == [host]
        eventually(f"ticks of the beat on {host}", partial(ticks_come_from, host), 20)
    senders = [sender for sender, _ticks in groupby(tick_senders(worker())[began:])]
    assert [sender.partition("@")[2] for sender in senders] == ["app1", *MOVES]
    assert len(set(senders)) == len(senders)


def test_several_hosts_have_beat_where_it_takes_a_lock(inventory: Inventory, tmp_path: Path) -> None:
    """One of them schedules. When it stops another one takes over, and no tick is doubled.

    Nor is one on the way there and back, though the first run leaves the host out where beat was, which took no lock,
    and the last one those where others are.
    """
    locking = Inventory(tmp_path, inventory.directory)
    change(locking, beat={"hosts": HOSTS, "scheduler": "redbeat.RedBeatScheduler", "max_interval": 2})
    began = len(tick_senders(worker()))
    converged("-l", "app1", inventory=locking)
    assert beats() == ["app1"]
    eventually("ticks of the beat on app1", partial(ticks_come_from, "app1"), 20)
    converged("-l", "live", inventory=locking)
    converged("-l", "live", playbook=VERIFY, inventory=locking)
    assert beats() == HOSTS
    stopped = tick_senders(worker())[-1].partition("@")[2]
    on_host(stopped, "systemctl", "stop", "celery-live-beat")
    eventually("ticks of another host", lambda: not ticks_come_from(stopped), 20)
    on_host(stopped, "systemctl", "start", "celery-live-beat")
    assert beats() == HOSTS
    converged("-l", "live", inventory=inventory)
    assert beats() == [MOVES[-1]]
    converged("-l", "live", playbook=ROLLBACK, inventory=locking)
    assert beats() == HOSTS
    converged("-l", MOVES[-1], inventory=inventory)
    assert beats() == [MOVES[-1]]
    eventually("ticks of the only beat", partial(ticks_come_from, MOVES[-1]), 20)
    senders = [sender for sender, _ticks in groupby(tick_senders(worker())[began:])]
    assert len(set(senders)) == len(senders)


def test_a_migration_that_fails_restarts_nothing(inventory: Inventory, tmp_path: Path) -> None:
    """The old code goes on with the old tables."""
    failing = Inventory(tmp_path, inventory.directory)
    change(failing, migrate="echo 'column paid exists already' >&2; exit 3")
    with untouched(*HOSTS):
        assert "column paid exists already" in refused("-l", "live", playbook=RESTART, inventory=failing)


def test_a_release_that_cannot_be_imported_restarts_nothing(inventory: Inventory) -> None:
    """It is tried on all hosts before the first service is restarted, and taken back."""
    EDC.deploy(HOSTS, "4", NOT_IMPORTABLE)
    before = [processes(host) for host in HOSTS]
    assert "no_such_module" in refused("-l", "live", playbook=RESTART, inventory=inventory)
    assert [processes(host) for host in HOSTS] == before
    converged("-l", "live", playbook=ROLLBACK, inventory=inventory)
    assert {EDC.current(host) for host in HOSTS} == {"3"}


def test_a_release_that_does_not_start_stops_at_the_first_service_and_is_rolled_back(inventory: Inventory) -> None:
    """The old process goes on. The message says what still runs the old code; a rollback brings all of it back."""
    EDC.deploy(HOSTS, "5", NEVER_READY)
    before = {host: processes(host) for host in HOSTS}
    output = refused("-l", "live", playbook=RESTART, inventory=inventory)
    assert "this release does not start" in output
    assert "app3" in output.partition("old code")[2]
    assert "app1: celery-live-w1.service" in output.partition("old code")[2]
    assert {host: processes(host) for host in HOSTS} == before
    converged("-l", "live", playbook=ROLLBACK, inventory=inventory)
    assert {EDC.current(host) for host in HOSTS} == {"3"}
    assert releases(HOSTS) == dict.fromkeys(HOSTS, "3")


def test_a_change_of_the_configuration_is_rolled_back(inventory: Inventory, tmp_path: Path) -> None:
    """Its files and services come back on the hosts that it touched, and nothing happens on the others."""
    changed = Inventory(tmp_path, inventory.directory)
    change(changed, workers=[{"name": "w1", "concurrency": 3}])
    with untouched("app3"):
        converged("-l", "live:!app3", inventory=changed)
        assert "celery-live-mails" not in files("app1")
        converged("-l", "live", playbook=ROLLBACK, inventory=inventory)
    assert processes("app2")["celery-live-mails.service"][0] == "active (running)"
    assert "celery-live-mails" in files("app1")


def test_a_host_that_left_is_emptied(inventory: Inventory) -> None:
    """The status says how; then nothing of the collection is left there, and the others notice nothing."""
    inventory.remove_host("live", "app3")
    told = converged(playbook=STATUS, inventory=inventory)
    assert "on app3: still there, though the host left the group" in told
    assert "stalk.celery.remove -l app3 -e celery_remove_environments=live" in told
    with untouched("app1", "app2"):
        variables = {"celery_remove_environments": ["live"]}
        converged("-l", "app3", playbook=REMOVE, inventory=inventory, variables=variables)
    assert services("app3") == []
    left = {line.split()[0] for line in files("app3").splitlines() if "celery-live" in line}
    assert left == {"/var/lib/celery-live"}
    converged(playbook=VERIFY, inventory=inventory)
    assert "app3" not in converged(playbook=STATUS, inventory=inventory).partition("NEEDS ATTENTION")[2]


def test_tasks_are_not_left_without_a_worker(inventory: Inventory) -> None:
    """To remove the last workers of a queue that has tasks has to be asked for twice."""
    python(worker(), SEND, "mails", "6", "12")
    with untouched("app1", "app2"):
        named = {"celery_remove_environments": ["live"]}
        assert "celery_remove_force" in refused("-l", "live", playbook=REMOVE, inventory=inventory, variables=named)


def test_after_all_this_a_run_changes_nothing(inventory: Inventory) -> None:
    """Every step left the hosts as the inventory wants them."""
    assert set(changes(converged(inventory=inventory)).values()) == {0}
