# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host says, the fleet is shown, and what is wrong with the host is a line about it."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._operations._removal import left_behind
from ansible_collections.stalk.celery.plugins.plugin_utils._operations._rollback import rollback_of
from ansible_collections.stalk.celery.plugins.plugin_utils._relay import shown
from ansible_collections.stalk.celery.plugins.plugin_utils._status._reports import report_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import status_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_page import page_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_table import lines_of
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.fleet import (
    NOW,
    down,
    generation,
    report,
    service,
    worker,
)

LIVE, UAT, BEAT = service("live", "w1"), service("uat", "w1"), service("uat", "beat", status="scheduling; 0 sent")
VALUES: list[Any] = [
    None,
    True,
    False,
    -1,
    7,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x1b[2J\nlive/w1: down",
    "\ud800",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "x" * 10**5,
    [],
    [7],
    [[]],
    {},
    {"x": {}},
    [{"x": [{}]}],
]


def raw(host: str, *services: dict[str, Any]) -> dict[str, Any]:
    """Return the results of the tasks of a host on which all is as it should be."""
    facts = {"services": list(services), "now": NOW.isoformat()}
    return {
        "host": host,
        "groups": ["live", "uat"],
        "wanted": [{**one, "state": "started"} for one in services],
        "facts": {"ansible_facts": {"stalk_celery": facts}},
        "inspected": {
            "workers": [worker(one, 1) for one in services if one["kind"] == "worker"],
            "queues": {"live": {"celery": 1}, "uat": {"celery": 2}},
            "problems": [],
        },
        "files": {"restart": [UAT["unit"]]},
        "kept": {"generations": {"uat": [generation("20261121T093000Z", "/srv/r1")]}},
        "unread": [],
        "machine": "",
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every value in plain data."""
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


def spoilt(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """Return a copy of plain data that has something else in one place."""
    result = copy.deepcopy(value)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return result


GOOD = raw("app2", UAT, BEAT)
PLACES = [path for path in places(GOOD) if path[0] in ("facts", "inspected", "files", "kept") and len(path) > 1]


def table_of(*raws: dict[str, Any]) -> str:
    """Return the table of a fleet."""
    return "\n".join(line.text for line in lines_of(status_of([report_of(one) for one in raws], NOW), 160))


def everything(*raws: dict[str, Any]) -> tuple[str, str]:
    """Return the table and the page of a fleet."""
    return table_of(*raws), page_of(status_of([report_of(one) for one in raws], NOW))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20].encode("unicode_escape").decode())
def test_a_bad_report_is_a_line(value: Any) -> None:
    for path in PLACES:
        table = table_of(raw("app1", LIVE), spoilt(GOOD, path, value))
        assert re.search("live +app1 +w1", table), path
        assert table.replace("\n", "").isprintable(), path
        assert len(table) < 50000, path


def test_the_page_has_no_control_characters() -> None:
    for path in PLACES[::5]:
        page = page_of(status_of([report_of(spoilt(GOOD, path, "\x1b[2J\u202e\x9b\ud800<script>"))], NOW))
        assert page.replace("\n", "").isprintable(), path
        assert "<script>" not in page


def test_reports_that_are_spoilt_in_many_places() -> None:
    chance = random.Random(1)
    for _time in range(1000):
        bad = GOOD
        for path in chance.sample(PLACES, 5):
            try:
                bad = spoilt(bad, path, chance.choice(VALUES))
            except (TypeError, KeyError, IndexError):
                continue
        assert re.search("live +app1 +w1", table_of(raw("app1", LIVE), bad))


@pytest.mark.parametrize("what", [{"services": 7}, {"services": [7]}, {"services": [{"unit": []}]}, 7, {}])
def test_what_a_host_says_of_its_services_cannot_be_used(what: Any) -> None:
    bad = spoilt(GOOD, ("facts", "ansible_facts", "stalk_celery"), what)
    table, _page = everything(bad)
    assert "UNKNOWN" in table
    assert "stalk.celery.site" not in table
    assert "  app2: what it says of its services cannot be used: " in table or what == {}


def test_a_task_that_failed_does_not_make_services_missing() -> None:
    bad = {**GOOD, "facts": {"failed": True, "msg": "Too many levels of symbolic links\x1b[2J"}}
    table, _page = everything(bad)
    assert "MISSING" not in table
    assert "  app2: Too many levels of symbolic links\\x1b[2J" in table


def test_nobody_forges_a_line_about_another() -> None:
    problem = "uat/w1: failed\nlive/w1: down\n    | live/w2: down\r\nlive/w3: down"
    table, _page = everything(spoilt(GOOD, ("inspected", "problems"), [problem]))
    assert [line for line in table.split("\n") if "down" in line] == [f"    | live/w{n}: down" for n in (1, 2, 3)]


def test_ages_are_those_at_the_time_of_the_look_by_the_clock_of_the_host() -> None:
    ahead = NOW + timedelta(hours=3)
    last = (ahead - timedelta(seconds=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    since = (ahead - timedelta(days=3)).isoformat()
    own = raw("app1", {**BEAT, "status": f"scheduling; 7 sent, the last at {last}", "since": since})
    own["facts"]["ansible_facts"]["stalk_celery"]["now"] = ahead.isoformat()
    table, page = everything(own)
    assert "4s ago" in table
    assert "3d ago" in table
    assert ">4s ago<" in page


@pytest.mark.parametrize("moment", ["XXX", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "1", "T" * 1000])
def test_a_tick_that_is_no_moment(moment: str) -> None:
    table, _page = everything(raw("app1", {**BEAT, "status": f"scheduling; 7 sent, the last at {moment}"}))
    assert "uat          app1  beat" in table


def test_only_beat_has_ticks() -> None:
    status = f"connected; 7 sent, the last at {datetime(2026, 11, 21, tzinfo=UTC).isoformat()}"
    assert "LAST TICK" not in everything(raw("app1", {**UAT, "status": status}))[0]


def test_a_service_that_crashes_is_offered_what_helps() -> None:
    crashing = service("live", "w1", **{**down("activating", "auto-restart"), "stale": []})
    table = "\n".join(line.text for line in lines_of(status_of([report("app1", crashing)], NOW), 160))
    assert "w1 on app1: crashes again and again (journalctl -u celery-live-w1.service on app1 says why)" in table
    assert "ansible-playbook stalk.celery.restart -l 'app1:&live'" in table
    assert "stalk.celery.site" not in table


def test_what_is_removed_does_not_depend_on_the_shape_of_an_answer() -> None:
    for value in VALUES:
        for inspected in ({"workers": value}, {"queues": value}, {"problems": value}, {"workers": [value]}):
            problems = left_behind([LIVE], inspected, ["app1"], {"live": ["app1"]}, {})
            assert all(line.isprintable() for problem in problems for line in problem.split("\n"))


@pytest.mark.parametrize("value", VALUES)
def test_what_was_kept_does_not_depend_on_the_shape_of_an_answer(value: Any) -> None:
    hosts: list[Any] = [{"live": [generation("20261121T093000Z")]}, {"live": [{**generation("x"), "run": value}]}]
    (problem,) = rollback_of(hosts)["problems"]
    assert problem.startswith("One of the hosts: what it says of its generations cannot be used: live.0.run is not ")


def test_results_of_modules_are_shown_clean_and_those_of_tasks_stay() -> None:
    result = {"msg": "a\x1b[2J\n    | b", "problems": ["c\x9b"], "result": {"text": "d\x1b"}, "changed": True}
    assert shown(result) == {
        "msg": "a\\x1b[2J\n    | b",
        "problems": ["c\\x9b"],
        "result": {"text": "d\x1b"},
        "changed": True,
    }
