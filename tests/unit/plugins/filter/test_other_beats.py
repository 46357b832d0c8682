# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where beat has to be stopped before it may start on a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._plan._beats import other_beats
from ansible_collections.stalk.celery.tests.unit.deciding import environments, services

PLACES = ["/etc/systemd/system", "/etc/conf.d", "/etc/logrotate.d"]
MINIMAL = {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}
GROUPS = {"live": ["app1", "app2"], "uat": ["app2"], "all": ["app1", "app2", "db1"]}
RUNNING = "celery-live-beat.service"
REDBEAT = "redbeat.RedBeatScheduler"


def others(settled: list[str], own: str = "app2", **beat: Any) -> dict[str, list[str]]:
    return other_beats(services(environments({"live": {**MINIMAL, "beat": beat}}), own), settled, GROUPS)


def kept(**beat: Any) -> str:
    """Return the marker of the only beats that may go on beside one that starts on app2."""
    [marker] = others([], **beat)["keep_markers"]
    return marker


def test_a_beat_that_runs_as_what_it_is_to_be_costs_nothing() -> None:
    assert others([RUNNING], host="app2")["hosts"] == []


def test_a_beat_that_starts_is_stopped_on_all_hosts_where_it_is_another() -> None:
    assert others(["celery-live-w1.service"], host="app2") == {
        "hosts": ["app1", "app2", "db1"],
        "members": ["app1", "app2"],
        "marker_prefixes": ["live/beat/"],
        "keep_markers": ["live/beat/beat/app2"],
        "search": PLACES,
    }


def test_a_beat_of_another_host_and_one_that_is_stopped_stop_none() -> None:
    assert others([], host="app1")["hosts"] == others([], host="app2", state="stopped")["hosts"] == []


def test_beats_of_several_hosts_go_on_beside_those_with_the_same_lock_only() -> None:
    both = ["app1", "app2"]
    assert kept(hosts=both, scheduler=REDBEAT) == kept(hosts=["app2", "db1"], scheduler=REDBEAT)
    assert kept(hosts=both, scheduler=REDBEAT) != kept(hosts=both, scheduler="redbeat.schedulers:RedBeatScheduler")


def test_a_beat_of_one_host_goes_on_beside_none_whatever_its_scheduler() -> None:
    alone = kept(host="app2", scheduler=REDBEAT)
    assert alone == kept(hosts=["app2"]) != kept(hosts=["app1", "app2"], scheduler=REDBEAT)
    assert alone not in others([], "app1", host="app1", scheduler=REDBEAT)["keep_markers"]


def test_two_environments_ask_a_host_once() -> None:
    both = {name: {**MINIMAL, "user": name, "beat": {"host": "app2"}} for name in ("live", "uat")}
    assert other_beats(services(environments(both), "app2"), [], GROUPS) == {
        "hosts": GROUPS["all"],
        "members": ["app1", "app2"],
        "marker_prefixes": ["live/beat/", "uat/beat/"],
        "keep_markers": ["live/beat/beat/app2", "uat/beat/beat/app2"],
        "search": PLACES,
    }
