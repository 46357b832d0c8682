# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where beat has to be stopped before it may start on a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.stalk.celery.plugins.filter.environments import environments
from ansible_collections.stalk.celery.plugins.filter.services import services
from ansible_collections.stalk.celery.plugins.plugin_utils._beats import other_beats

MINIMAL = {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}
GROUPS = {"live": ["app1", "app2"], "uat": ["app2"], "all": ["app1", "app2", "db1"]}
RUNNING = "celery-live-beat.service"


def others(running: list[str], **beat: Any) -> list[dict[str, Any]]:
    return other_beats(services(environments({"live": {**MINIMAL, "beat": beat}}), "app2"), running, GROUPS, "app2")


def test_a_beat_that_runs_costs_nothing() -> None:
    assert others([RUNNING], host="app2") == []


def test_a_beat_that_starts_is_stopped_on_all_other_hosts() -> None:
    assert others(["celery-live-w1.service"], host="app2") == [
        {"host": "app1", "owners": ["live/beat/"], "environments": ["live"]},
        {"host": "db1", "owners": ["live/beat/"], "environments": []},
    ]


def test_a_beat_of_another_host_and_one_that_is_stopped_stop_none() -> None:
    assert others([], host="app1") == others([], host="app2", state="stopped") == []


def test_beats_with_a_lock_run_beside_each_other() -> None:
    redbeat = "redbeat.RedBeatScheduler"
    assert [other["host"] for other in others([], hosts=["app1", "app2"], scheduler=redbeat)] == ["db1"]


def test_two_environments_ask_a_host_once() -> None:
    both = {name: {**MINIMAL, "user": name, "beat": {"host": "app2"}} for name in ("live", "uat")}
    found = other_beats(services(environments(both), "app2"), [], GROUPS, "app2")
    assert found[0] == {"host": "app1", "owners": ["live/beat/", "uat/beat/"], "environments": ["live"]}
