# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a fleet, and what of them needs attention."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._status._attention import items_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._fleet import Queue, Row, rows_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._reports import report_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import status_of
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.fleet import (
    NOW,
    OLD,
    down,
    fleet,
    generation,
    report,
    service,
    worker,
)

W1 = service("live", "w1")


def row_of(**changes: Any) -> Row:
    """Return the row of a worker that differs from one of which all is well."""
    (row,) = rows_of([report("app1", service("live", "w1", **changes))])
    return row


def commands(*reports: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what needs attention in these reports, and the commands without their beginning."""
    return [
        (f"{item.where}: {item.what}", item.command.removeprefix("ansible-playbook stalk.celery."))
        for item in items_of(rows_of(reports), reports)
    ]


def test_services_are_in_the_order_of_environments_hosts_and_kinds() -> None:
    found = [(row.environment, row.host, row.service) for row in rows_of(fleet())]
    assert found == [
        ("live", "app1", "reports"),
        ("live", "app1", "video"),
        ("live", "app1", "w1"),
        ("live", "app1", "beat"),
        ("live", "app1", "flower"),
        ("live", "app2", "w1"),
        ("live", "app3", ""),
        ("live", "app4", "w1"),
        ("uat", "app2", "mail"),
        ("uat", "app2", "nightly"),
        ("uat", "app2", "slow"),
        ("uat", "app2", "w1"),
        ("uat", "app2", "beat"),
    ]


def test_numbers_in_names_count() -> None:
    hosts = [report(host, *(service("live", name) for name in ("w10", "w2"))) for host in ("app10", "app2")]
    found = [(row.host, row.service) for row in rows_of(hosts)]
    assert found == [("app2", "w2"), ("app2", "w10"), ("app10", "w2"), ("app10", "w10")]


def test_a_machine_that_the_inventory_has_under_two_names() -> None:
    """As web-live and web-uat: to remove live from web-uat, because that is not in its group, would remove it."""
    both = [W1, service("uat", "w1"), service("old", "w1")]
    hosts = [
        report(f"web-{name}", *both, machine="m1", groups=[name], wanted=[{**one, "state": "started"}])
        for name, one in zip(("live", "uat"), both, strict=False)
    ]
    found = [(row.environment, row.host, row.orphan) for row in rows_of([*hosts, report("app2", W1)])]
    assert found == [
        ("live", "app2", ""),
        ("live", "web-live", ""),
        ("old", "web-live", "environment"),
        ("old", "web-uat", "environment"),
        ("uat", "web-uat", ""),
    ]


@pytest.mark.parametrize(
    ("limit", "environments"),
    [("", {"live", "uat"}), ("app2", {"live", "uat"}), ("uat", {"uat"}), ("app2:&live", {"live"})],
)
def test_a_limit_that_names_environments_hides_the_others_of_a_shared_host(limit: str, environments: set[str]) -> None:
    _app1, app2, *_others = fleet()
    assert {row.environment for row in rows_of([app2], limit)} == environments


@pytest.mark.parametrize(
    ("changes", "state", "bad"),
    [
        ({}, "running", False),
        ({"status": "busy with a task since 10:00:00; 1 running"}, "busy", False),
        ({"status": "broker unreachable since 10:00:00; 1 running"}, "no broker", True),
        ({"status": "main loop hangs since 10:00:00; 1 running"}, "hangs", True),
        ({"state": "activating", "substate": "start"}, "starting", False),
        ({"state": "activating", "substate": "auto-restart"}, "crashing", True),
        ({"crashing": True}, "crashing", True),  # up for a moment
        ({"crashing": True, "state": "activating", "substate": "start"}, "crashing", True),
        ({"crashing": True, **down()}, "stopped", True),  # just now
        ({"state": "deactivating", "substate": "stop-sigterm"}, "stopping", False),
        ({"state": "active", "substate": "exited"}, "exited", True),
        (down("failed", "failed"), "failed", True),
        (down(), "stopped", True),
        ({"state": "maintenance", "substate": "cleaning"}, "maintenance", True),
    ],
)
def test_state(changes: dict[str, Any], state: str, bad: bool) -> None:
    row = row_of(**changes)
    assert (row.state, row.bad) == (state, bad)


def test_a_service_that_shall_be_stopped_is_well_when_it_is() -> None:
    (row,) = rows_of([report("app1", service("live", "w1", **down()), wanted=[{**W1, "state": "stopped"}])])
    assert (row.state, row.expected, row.troubled) == ("stopped", False, False)


def test_a_worker_that_does_not_answer() -> None:
    (row,) = rows_of([report("app1", W1, workers=[worker(W1, answers=False)])])
    assert (row.state, row.bad, row.running, row.concurrency) == ("no answer", True, None, None)


@pytest.mark.parametrize(
    ("pool", "running", "state"), [("solo", 1, "busy"), ("solo", 0, "no answer"), ("prefork", 1, "no answer")]
)
def test_a_worker_of_one_loop_does_not_answer_while_it_works(pool: str, running: int, state: str) -> None:
    own = service("live", "w1", pool="", status=f"connected to redis://x; {running} running, 0 reserved")
    (row,) = rows_of([report("app1", own, workers=[worker(own, answers=False, pool=pool)])])
    assert row.state == state


def test_a_worker_that_may_not_answer_runs_all_the_same() -> None:
    (row,) = rows_of([report("app1", W1, workers=[worker(W1, answers=None)])])
    assert (row.state, row.running) == ("running", None)


def test_a_host_that_was_not_asked_leaves_figures_unknown_and_nothing_bad() -> None:
    (row,) = rows_of([report("app1", service("live", "w1", queues=["mail"]), workers=[], queues={})])
    assert (row.state, row.running, row.queues) == ("running", None, (Queue("mail", None),))


def test_what_a_worker_does() -> None:
    (row,) = rows_of([report("app1", W1, workers=[worker(W1, 3)], queues={"live": {"celery": 7}})])
    assert (row.running, row.concurrency, row.queues) == (3, 8, (Queue("celery", 7),))


def test_the_last_tick_of_beat_is_in_its_status() -> None:
    sent = service("live", "beat", status="scheduling; 7 sent, the last at 2026-11-21T09:59:00Z")
    new = service("uat", "beat", status="scheduling; 0 sent")
    assert [row.tick for row in rows_of([report("app1", sent, new)])] == ["2026-11-21T09:59:00Z", ""]


def test_attention_to_all_kinds_of_trouble_the_worst_first() -> None:
    assert commands(*fleet()) == [
        (
            "app3: cannot be reached: Failed to connect to the host via ssh: No route to host",
            "ansible app3 -m ansible.builtin.ping",
        ),
        ("reports on app1: failed (journalctl -u celery-live-reports.service on app1)", "site -l 'app1:&live'"),
        ("beat on app2: not there", "site -l 'app2:&uat'"),
        ("mail on app2: without broker", "verify -l 'app2:&uat'"),
        ("slow on app2: runs, but does not answer", "verify -l 'app2:&uat'"),
        (
            "w1 on app4: still there, though the host left the group",
            "remove -l app4 -e celery_remove_environments=live",
        ),
        ("w1 on app2: not configured as in the inventory", "site -l 'app2:&uat'"),
        ("w1 on app2: runs older code", "restart -l 'app2:&live'"),
    ]


def test_nothing_needs_attention_where_all_is_well() -> None:
    assert commands(report("app1", W1, service("live", "beat"))) == []


def test_one_command_for_all_services_with_the_same_trouble() -> None:
    old = [service("live", name, stale=["code"]) for name in ("w1", "w2")]
    assert commands(report("app1", *old), report("app2", old[0])) == [
        ("w1, w2 on app1; w1 on app2: runs older code", "restart -l 'app1:app2:&live'")
    ]


def test_a_command_names_the_environment_when_the_hosts_are_many() -> None:
    old = service("live", "w1", stale=["release"])
    ((_where, command),) = commands(*(report(f"app{number}", old) for number in range(1, 7)))
    assert command == "restart -l live"


def test_a_service_that_the_inventory_no_longer_names() -> None:
    other = service("live", "old", stale=["code"])
    assert commands(report("app1", W1, other, wanted=[{**W1, "state": "started"}])) == [
        ("old on app1: not in the inventory", "site -l 'app1:&live'")
    ]


def test_new_files_restart_a_service_with_the_new_code() -> None:
    assert commands(report("app1", service("live", "w1", stale=["configuration", "code"]))) == [
        ("w1 on app1: not configured as in the inventory", "site -l 'app1:&live'")
    ]


def test_a_rollback_that_died_has_to_be_finished() -> None:
    kept = [generation("20261121T093000Z", unfinished=True), generation("20261119T080112Z")]
    hosts = [report(host, W1, generations={"live": kept, "uat": kept}) for host in ("app1", "app2")]
    assert commands(*hosts) == [("app1, app2: a rollback was not finished", "rollback -l live")]


def test_files_that_could_not_be_compared() -> None:
    hosts = [report(host, W1, unread=["live", "uat"]) for host in ("app1", "app2")]
    ((what, command),) = commands(*hosts, report("app3", W1))
    assert what.startswith("app1, app2: not compared with the inventory")
    assert command == "site -l live"


def test_generations_are_those_of_a_run_on_all_hosts_newest_first() -> None:
    found = status_of(fleet(), NOW).generations
    assert [(kept.environment, kept.run, [*kept.hosts], [*kept.releases]) for kept in found] == [
        ("live", "20261121T093000Z", ["app1", "app2"], [OLD]),
        ("live", "20261119T080112Z", ["app1"], []),
        ("uat", "20261121T093000Z", ["app2"], []),
    ]


def test_report_of_results() -> None:
    raw = {
        "host": "app1",
        "groups": ["live"],
        "wanted": [W1],
        "facts": {"ansible_facts": {"stalk_celery": {"services": [W1], "foreign": ["live: a Celery beat"]}}},
        "inspected": {
            "workers": [worker(W1)],
            "queues": {"live": {"celery": 1}},
            "problems": ["live/w1: no broker"],
            "doubles": ["live/w1: 2 processes"],
        },
        "files": {"restart": [W1["unit"]], "changed_files": []},
        "kept": {"generations": {"live": []}},
        "unread": ["live"],
        "machine": "",
    }
    assert report_of(raw) == report(
        "app1",
        W1,
        wanted=[W1],
        queues={"live": {"celery": 1}},
        outdated=[W1["unit"]],
        generations={"live": []},
        unread=["live"],
        problems=["live/w1: no broker", "live/w1: 2 processes", "live: a Celery beat"],
    )


def test_a_node_that_no_host_has_needs_attention() -> None:
    """But not where a host did not answer, or was left out, whose it may be."""
    other = {"environment": "live", "node": "celery@old1", "queues": ["celery"]}
    reports = [
        {**report("app1", W1), "others": [other, {**other, "node": "w1@app2"}]},
        report("app2", {**W1, "node": "w1@app2"}),
    ]
    (item,) = items_of(rows_of(reports), reports)
    assert item.what.startswith("the node celery@old1 consumes celery, and no host of the inventory has it")
    assert items_of(rows_of(reports), reports, limited=True) == []
    lost = {**report("app3"), "groups": ["live"], "unreachable": "no route"}
    assert [item.where for item in items_of(rows_of(reports), [*reports, lost])] == ["app3"]


def test_report_of_an_unreachable_host() -> None:
    raw = {"host": "app1", "groups": ["live"], "wanted": [], "unread": [], "machine": ""}
    skipped = {name: {"skipped": True} for name in ("inspected", "files", "kept")}
    found = report_of({**raw, **skipped, "facts": {"unreachable": True, "msg": "Task failed: No route\n to host"}})
    assert (found["unreachable"], found["services"], found["problems"]) == ("No route to host", [], [])


def test_report_of_tasks_that_failed() -> None:
    raw = {"host": "app1", "machine": "", "groups": ["live"], "wanted": [], "unread": [], "facts": {}, "kept": {}}
    failed = {"files": {"failed": True, "msg": "in the way"}, "inspected": {"failed": True, "msg": "no root"}}
    found = report_of({**raw, **failed})
    assert found["problems"] == ["no root", "in the way"]
    assert items_of([], [found])[0].what == "no root"
