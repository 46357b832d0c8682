# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nine defects of what the document does by hand, each absent here."""

from __future__ import annotations

import subprocess

import pytest

from tests import defects
from tests.fleet import Service, again, denied, on_host, service, services
from tests.hosts.boot import wait_until_up
from tests.inventory import Inventory
from tests.runs import refused
from tests.work import Work, assert_each_done_once, eventually, send, wait_for_all

HOST = "app1"
BEATS = ["celerybeat", "celerybeat-uat"]
OF_LIVE = ["/etc/conf.d/celery.live.conf", "/etc/conf.d/celerybeat.live.conf", "/var/log/celery", "/home/live"]


def running() -> list[Service]:
    """Return the services of live and uat."""
    return [found for found in services(HOST) if found.environment != "debug"]


@pytest.mark.parametrize("name", BEATS)
def test_1_beat_starts_and_stays(name: str) -> None:
    """It was started once since boot, and ticks."""
    on_host(HOST, "systemctl", "restart", name)
    defects.assert_beat_stays(service(HOST, name))


def test_2_a_restart_loses_no_task() -> None:
    """Those that run are done before the worker stops; test_commands.py does so with the commands of the document."""
    works = [Work(service(HOST, "celery.live"), named_queue="celery")]
    send(works, count=16, seconds=3)
    wait_for_all(works, "begun", 20)
    on_host(HOST, "systemctl", "restart", "celery.live.service")
    wait_for_all(works, "done", 5)
    assert_each_done_once(works)


def test_3_each_node_returns_after_kill_9() -> None:
    """The second one alone; the first one, with which systemd restarts the second, warm."""
    first, second = service(HOST, "celery.live"), service(HOST, "celery.live.w2")
    defects.assert_returns(second, "w2@app1", "celery")
    assert again(first) == first
    defects.assert_returns(first, "w1@app1", "celery")
    eventually("both nodes run", lambda: {again(one).state for one in (first, second)} == {"active (running)"}, 30)


@pytest.mark.parametrize("path", OF_LIVE)
def test_5_uat_reads_nothing_of_live(path: str) -> None:
    """Env files, logs, state and home of live are closed to uat, and open to live itself."""
    defects.assert_closed(HOST, path, owner="live", other="uat")


def test_5_live_reads_nothing_of_uat() -> None:
    """Nor the other way round, though the document looks for these logs among live's."""
    assert denied(HOST, "cat", "/var/log/celery/w1.uat.log", user="live")
    assert denied(HOST, "cat", "/etc/conf.d/celery.uat.conf", user="live")


def test_6_two_environments_at_one_broker_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """So are two nodes of one name; before anything is changed."""
    before = services(HOST)
    inventory = Inventory(tmp_path_factory.mktemp("broker"))
    uat = inventory.environment("uat")
    uat["environment"]["CELERY_BROKER_URL"] = "{{ vault_live_redis_url }}"
    inventory.write("uat", uat)
    assert "leads to the same broker and database as that of" in refused(inventory=inventory)
    inventory = Inventory(tmp_path_factory.mktemp("node"))
    live = inventory.environment("live")
    live["workers"][1]["node"] = "w1@%h"
    inventory.write("live", live)
    assert "have the same node on this host" in refused(inventory=inventory)
    assert services(HOST) == before


def test_7_debug_has_a_unit() -> None:
    """Named like the others; it waits for whom wants it."""
    assert on_host(HOST, "systemctl", "show", "--property=LoadState", "--value", "celery.debug.service") == "loaded\n"


@pytest.mark.parametrize("name", BEATS)
def test_8_the_schedule_is_not_in_the_code(name: str) -> None:
    """The code is the same as before beat ran."""
    defects.assert_schedule_beside_the_code(service(HOST, name))


def test_9_no_environment_reads_the_file_of_another() -> None:
    """Each unit names a file of its own environment, no two the same."""
    files = {found.unit: defects.environment_file(found) for found in services(HOST)}
    assert len(set(files.values())) == len(files)
    for found in services(HOST):
        assert f".{found.environment}." in files[found.unit]


def test_4_everything_starts_after_a_boot() -> None:
    """Nothing has to be in /run for it."""
    units = [found.unit for found in running()]
    subprocess.run(["podman", "restart", "--time=60", HOST], check=True, capture_output=True)
    wait_until_up(HOST)
    eventually("all run", lambda: {found.state for found in running()} == {"active (running)"}, 60)
    assert [found.unit for found in running()] == units
    defects.assert_nothing_needed_in_run(running())
