# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with ``--limit``, and workers and hosts that come and go. The tests build on each other, in their order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest

from tests.fleet import APP, Service, again, environ, files, on_host, python, queues, services, tick_senders, whoami_of
from tests.inventory import Inventory
from tests.runs import DEPLOY, changes, converged, interrupted, refused
from tests.work import Work, eventually, send

REMOVE = "stalk.celery.remove"
RESTART = "stalk.celery.restart"
FOREIGN = "/etc/systemd/system/celery-live-mine.service"
FOREIGN_UNIT = "[Service]\nExecStart=/usr/bin/sleep infinity\n"
GOES_AWAY = """
ansible_host: "{{ 'nowhere' if hostvars.app1.celery_service_look is defined else 'app2' }}"
ansible_ssh_retries: 0
"""
HOLD = (
    APP
    + """
app.send_task("meta_edc.tasks.run", sys.argv[1:], queue="celery", ignore_result=True)
print("null")
"""
)
WAIT = """
import os, time

def wait(gate):
    until = time.monotonic() + 120
    while not os.path.exists(gate) and time.monotonic() < until:
        time.sleep(0.1)
    os.rename(gate, gate + ".passed")
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Return the inventory that the tests change."""
    return Inventory(tmp_path_factory.mktemp("inventory"))


def running(host: str, environment: str) -> dict[str, tuple[int, int]]:
    """Return PID and start time of each service of an environment."""
    return {found.unit: (found.pid, found.started) for found in services(host) if found.environment == environment}


def files_of(host: str, environment: str) -> list[str]:
    """Return all files of an environment, with their owners, modes, sizes and times."""
    return [line for line in files(host).splitlines() if f"celery-{environment}" in line or f"/{environment}/" in line]


def service(host: str, unit: str) -> Service:
    """Return one service, which must exist."""
    return next(found for found in services(host) if found.unit == f"{unit}.service")


def beats() -> list[str]:
    """Return the hosts on which beat of live runs."""
    return [host for host in ("app1", "app2") if running(host, "live").get("celery-live-beat.service", (0, 0))[0]]


def set_mark(inventory: Inventory, environment: str, mark: str) -> None:
    """Change a variable of an environment."""
    content = inventory.environment(environment)
    content["environment"]["MARK"] = mark
    inventory.write(environment, content)


def test_beat_does_not_start_where_another_host_leads_to_this_machine(inventory: Inventory) -> None:
    """As with ansible-pull on each host: nobody knows whether beat runs on the other one, which it does."""
    as_it_is = inventory.environment("uat")
    inventory.write("uat", {**as_it_is, "beat": {"host": "app2"}})
    inventory.mislead("app1", "app2")
    try:
        said = refused("-l", "app2", inventory=inventory)
    finally:
        inventory.write("uat", as_it_is)
        inventory.find("app1")
    assert "app1 leads to this machine (ansible_connection: local?), so nobody knows whether beat runs there" in said
    assert "celery-uat-beat.service" in running("app1", "uat")
    assert "celery-uat-beat.service" not in running("app2", "uat")


def test_nobody_takes_the_passwords_of_another_machine_for_those_of_the_brokers_host(inventory: Inventory) -> None:
    """As with ansible-pull on each host: what is asked of the broker's host, this one answers."""
    as_it_is = inventory.environment("uat")
    variables = {name: value for name, value in as_it_is["environment"].items() if not name.startswith("CELERY_")}
    inventory.write("uat", {**as_it_is, "environment": variables, "broker": {"host": "broker1", "kind": "redis"}})
    inventory.mislead("broker1", "app2")
    before = files("app2")
    try:
        said = refused("-l", "app2", inventory=inventory)
    finally:
        inventory.write("uat", as_it_is)
        inventory.find("broker1")
    assert "broker1 leads to this machine (ansible_connection: local?), so it cannot be asked for the broker's" in said
    assert files("app2") == before


def test_a_limit_to_one_environment_leaves_the_other_untouched(inventory: Inventory) -> None:
    """Both environments have changes waiting on a shared host; only the one that --limit names gets them."""
    set_mark(inventory, "live", "first")
    set_mark(inventory, "uat", "first")
    before = files_of("app1", "uat"), running("app1", "uat"), files("app2"), running("app2", "uat")
    live = running("app1", "live")
    converged("-l", "live", inventory=inventory)
    assert (files_of("app1", "uat"), running("app1", "uat"), files("app2"), running("app2", "uat")) == before
    assert environ(service("app1", "celery-live-w1"))["MARK"] == "first"
    assert live.keys() == running("app1", "live").keys()
    assert not set(live.values()) & set(running("app1", "live").values())


def test_a_limit_to_a_host_means_all_of_its_environments(inventory: Inventory) -> None:
    """The limit names no environment, so it narrows the hosts only."""
    live, elsewhere = running("app1", "live"), running("app2", "uat")
    converged("-l", "app1", inventory=inventory)
    assert environ(service("app1", "celery-uat-w1"))["MARK"] == "first"
    assert running("app1", "live") == live
    assert running("app2", "uat") == elsewhere


@pytest.mark.parametrize(("limit", "mark"), [("ua*:!app1", "second"), ("uat:&app2", "first")])
def test_a_limit_may_be_a_pattern(inventory: Inventory, limit: str, mark: str) -> None:
    """Exclusions and intersections narrow the hosts of the environment that is named."""
    set_mark(inventory, "uat", mark)
    before = files("app1"), running("app1", "live"), running("app1", "uat")
    converged("-l", limit, inventory=inventory)
    assert environ(service("app2", "celery-uat-w1"))["MARK"] == mark
    assert (files("app1"), running("app1", "live"), running("app1", "uat")) == before


def test_only_what_changed_is_restarted(inventory: Inventory) -> None:
    """A change of one worker restarts this worker and nothing else."""
    content = inventory.environment("live")
    content["workers"][1]["concurrency"] = 2
    inventory.write("live", content)
    before = running("app1", "live"), running("app1", "uat")
    converged(inventory=inventory)
    after = running("app1", "live"), running("app1", "uat")
    assert {unit for unit in before[0] if before[0][unit] != after[0][unit]} == {"celery-live-w2.service"}
    assert before[1] == after[1]


def test_a_renamed_worker_replaces_the_old_one(inventory: Inventory) -> None:
    """The old service is stopped and its files go; what somebody else wrote stays, running.

    Until then it would go on with the old code after a restart, which is refused.
    """
    on_host("app1", "tee", FOREIGN, stdin=FOREIGN_UNIT)
    on_host("app1", "systemctl", "daemon-reload")
    on_host("app1", "systemctl", "start", Path(FOREIGN).name)
    before = running("app1", "live"), running("app1", "uat"), files_of("app1", "uat")
    content = inventory.environment("live")
    content["workers"][1]["name"] = "imports"
    inventory.write("live", content)
    said = refused("-l", "live", playbook=RESTART, inventory=inventory)
    assert "celery-live-w2.service runs on app1 and is not in the inventory" in said
    assert running("app1", "live") == before[0]
    converged("-l", "live", inventory=inventory)
    after = running("app1", "live")
    assert after.keys() - before[0].keys() == {"celery-live-imports.service"}
    assert before[0].keys() - after.keys() == {"celery-live-w2.service"}
    assert all(after[unit] == before[0][unit] for unit in after.keys() & before[0].keys())
    assert "celery-live-w2" not in files("app1")
    assert (running("app1", "uat"), files_of("app1", "uat")) == before[1:]
    assert on_host("app1", "cat", FOREIGN) == FOREIGN_UNIT
    expected = {"w1@app1": ["celery"], "imports@app1": ["bulk", "imports"]}
    assert queues(service("app1", "celery-live-w1"), expected) == expected


def test_a_removed_worker_is_stopped_and_its_files_go(inventory: Inventory) -> None:
    """The inventory is the complete list of an environment's services."""
    content = inventory.environment("live")
    del content["workers"][1]
    inventory.write("live", content)
    before = running("app1", "live"), running("app1", "uat"), files_of("app1", "uat")
    converged("-l", "live", inventory=inventory)
    after = running("app1", "live")
    assert before[0].keys() - after.keys() == {"celery-live-imports.service"}
    assert all(after[unit] == before[0][unit] for unit in after)
    assert "celery-live-imports" not in files("app1")
    assert (running("app1", "uat"), files_of("app1", "uat")) == before[1:]
    assert on_host("app1", "cat", FOREIGN) == FOREIGN_UNIT


def test_flower_comes_and_goes_with_its_key(inventory: Inventory) -> None:
    """Its service and files go when the inventory no longer has it, all but what it kept; nothing else changes."""
    before = running("app1", "live"), running("app1", "uat"), files_of("app1", "uat")
    content = inventory.environment("live")
    content["flower"] = {"host": "app1", "basic_auth": ["ann:only-for-the-tests-live"], "options": ["--max_tasks=9"]}
    inventory.write("live", content)
    converged("-l", "live", inventory=inventory)
    assert running("app1", "live").keys() - before[0].keys() == {"celery-live-flower.service"}
    assert "celery-live-flower.conf" in files("app1")
    del content["flower"]
    inventory.write("live", content)
    converged("-l", "live", inventory=inventory)
    assert (running("app1", "live"), running("app1", "uat"), files_of("app1", "uat")) == before
    assert "celery-live-flower" not in files("app1")


def test_a_host_that_is_added_to_the_group_works_its_queues(inventory: Inventory) -> None:
    """One more line in the inventory is all it takes, and the other hosts notice nothing."""
    inventory.add_host("live", "app2")
    converged("-l", "app2", playbook=DEPLOY, inventory=inventory)
    before = files("app1"), running("app1", "live"), running("app1", "uat"), running("app2", "uat")
    converged("-l", "live:!app1", inventory=inventory)
    assert (files("app1"), running("app1", "live"), running("app1", "uat"), running("app2", "uat")) == before
    reports = whoami_of(service("app1", "celery-live-w1"), "celery", ["w1@app1", "w1@app2"])
    assert {node: report["user"] for node, report in reports.items()} == {"w1@app1": "live", "w1@app2": "live"}


def test_a_host_that_goes_away_during_a_restart_is_named_and_the_other_of_its_batch_is_done(
    inventory: Inventory, tmp_path: Path
) -> None:
    """It was there when the code was tried. Only it fails, and with it the run."""
    lost = Inventory(tmp_path, inventory.directory)
    (lost.directory / "host_vars").mkdir(exist_ok=True)
    (lost.directory / "host_vars" / "app2.yml").write_text(GOES_AWAY)
    before = service("app1", "celery-live-w1"), running("app2", "live")
    said = refused("-l", "live", playbook=RESTART, inventory=lost, variables={"celery_restart_serial": 2})
    assert "The connection to app2 was lost" in said
    assert "(those of app2 perhaps not any more, status.yml tells)" in said
    assert "app1 failed" not in said
    assert running("app2", "live") == before[1]
    assert again(before[0]).pid != before[0].pid


def test_a_beat_that_moves_is_at_most_at_one_place_if_the_run_fails_or_dies(
    inventory: Inventory, tmp_path: Path
) -> None:
    """It stays where it is if that host cannot be asked, and is nowhere if it was stopped there, until the next run."""
    senders = service("app1", "celery-live-w1")
    began = len(tick_senders(senders))
    content = inventory.environment("live")
    content["beat"] = {"host": "app2"}
    inventory.write("live", content)
    lost = Inventory(tmp_path, inventory.directory)
    lost.lose("app1")
    output = refused("-l", "app2", inventory=lost)
    assert "app1 cannot be asked whether beat runs there" in output
    assert beats() == ["app1"]
    interrupted(lambda: "app1" not in beats(), "-l", "app2", inventory=inventory)
    assert beats() in ([], ["app2"])
    converged("-l", "app2", inventory=inventory)
    assert beats() == ["app2"]
    eventually("a tick of app2", lambda: tick_senders(senders)[-1].endswith("@app2"), 20)
    hosts = [sender.partition("@")[2] for sender, _ticks in groupby(tick_senders(senders)[began:])]
    assert hosts == ["app1", "app2"]


def test_after_all_this_a_run_changes_nothing(inventory: Inventory) -> None:
    """Every step left the hosts as the inventory wants them."""
    assert set(changes(converged(inventory=inventory)).values()) == {0}


def test_an_environment_leaves_a_host_when_its_task_is_done(inventory: Inventory) -> None:
    """Nobody else consumes the queue. State and user stay; the other host and the other environment notice nothing."""
    on_host("app2", "celery-uat", "control", "--timeout=10", "--destination=w1@app2", "add_consumer", "app2")
    work = Work(service("app2", "celery-uat-w1"), named_queue="app2")
    before = files("app1"), running("app1", "uat"), running("app2", "live")
    send([work], 1, seconds=20)
    work.wait("begun", 20)
    converged("-l", "app2", playbook=REMOVE, inventory=inventory, variables={"celery_remove_environments": ["uat"]})
    assert running("app2", "uat") == {}
    work.assert_each_done_once()
    left = on_host("app2", "ls", "/etc/systemd/system", "/etc/conf.d", "/usr/local/lib")
    assert not any(name in left for name in ("celery-uat", "stalk-watch-uat"))
    assert (files("app1"), running("app1", "uat"), running("app2", "live")) == before
    on_host("app2", "id", "uat")


def test_an_environment_that_has_tasks_is_removed_by_force_and_loses_none(inventory: Inventory) -> None:
    """What runs is finished; what waits is done when the environment is there again."""
    worker = service("app1", "celery-uat-w1")
    gate = f"/var/lib/celery-uat/gate-{time.time_ns()}"
    python(worker, HOLD, WAIT, "wait", gate)
    work = Work(worker, named_queue="celery")
    send([work], 5, seconds=0)
    before = files("app1"), running("app1", "uat"), running("app1", "live")
    named: dict[str, object] = {"celery_remove_environments": "uat"}
    said = refused("-l", "uat", playbook=REMOVE, inventory=inventory)
    assert "To remove uat from app" in said
    assert "ansible-playbook stalk.celery.remove -l uat -e celery_remove_environments=uat" in said
    assert "celery_remove_force" in refused("-l", "uat", playbook=REMOVE, inventory=inventory, variables=named)
    assert (files("app1"), running("app1", "uat"), running("app1", "live")) == before
    force = {**named, "celery_remove_force": True}
    with ThreadPoolExecutor() as pool:
        removal = pool.submit(converged, "-l", "uat", playbook=REMOVE, inventory=inventory, variables=force)
        eventually("the worker stops", lambda: again(worker).state.startswith("deactivating"), 60)
        on_host("app1", "touch", gate)
        removal.result()
    assert (running("app1", "uat"), running("app1", "live")) == ({}, before[2])
    on_host("app1", "test", "-e", f"{gate}.passed")
    assert not work.recorded("begun")
    converged("-l", "uat:&app1", inventory=inventory)
    work.wait("done", 40)
    work.assert_each_done_once()


def test_a_purge_leaves_nothing_of_an_environment_but_the_code(inventory: Inventory) -> None:
    """Logs, state and cron jobs go as well, where its services run and where they were removed before.

    What still runs is named, and ended when that is asked for. The user stays, locked: nobody else gets its number.
    """
    on_host("app1", "systemd-run", "--unit=left-behind", "--property=User=uat", "sleep", "600")
    on_host("app1", "usermod", "--shell=/bin/bash", "uat")
    before = running("app1", "live"), running("app2", "live"), files_of("app1", "live"), files_of("app2", "live")
    uid = on_host("app1", "id", "--user", "uat")
    variables: dict[str, object] = {"celery_remove_purge": True, "celery_remove_environments": ["uat"]}
    said = refused("-l", "uat", playbook=REMOVE, inventory=inventory, variables=variables)
    assert "the user uat still runs" in said
    assert "sleep 600, started by left-behind.service" in said
    assert running("app1", "uat")
    variables["celery_remove_force"] = True
    converged("-l", "uat", playbook=REMOVE, inventory=inventory, variables=variables)
    after = running("app1", "live"), running("app2", "live"), files_of("app1", "live"), files_of("app2", "live")
    assert after == before
    for host in ("app1", "app2"):
        assert running(host, "uat") == {}
        assert "celery-uat" not in files(host)
        assert "nologin" in on_host(host, "getent", "passwd", "uat")
        assert on_host(host, "getent", "shadow", "uat").partition(":")[2][0] in "!*"
        on_host(host, "test", "-d", "/home/uat/edc")
    assert on_host("app1", "ps", "-e", "-o", "uid=").split().count(uid.strip()) == 0
