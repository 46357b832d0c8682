# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be left behind when a host stops working for environments."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._operations._removal import left_behind

LIVE = {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}
W1 = {"environment": "live", "kind": "worker", "name": "w1", "unit": "w1.service", "queues": [], "state": "active"}
VIDEO = {**W1, "name": "video", "unit": "video.service", "queues": ["video"]}
BEAT = {**W1, "kind": "beat", "name": "beat", "unit": "beat.service"}
CELERY = {"unit": "w1.service", "answers": True, "queues": ["celery"], "reserved": 0, "scheduled": 0}


def problems(
    *services: dict[str, Any],
    lengths: dict[str, int | None] | None = None,
    workers: list[dict[str, Any]] | None = None,
    groups: dict[str, list[str]] | None = None,
    force: bool = False,
    **live: Any,
) -> list[str]:
    """Return what keeps app1 from being removed; ``live`` is what the inventory says of the environment."""
    hosts = groups if groups is not None else {"live": ["app1", "app2"]}
    inspected = {"workers": workers or [], "queues": {"live": lengths or {}}, "problems": ["live/w1: refused"]}
    hostvars = {"app2": {"celery_live": {**LIVE, **live}}, "app1": {}}
    return left_behind(services, inspected, ["app1"], hosts, hostvars, force)


def test_a_host_like_all_others() -> None:
    assert problems(W1, lengths={"celery": 9}, workers=[CELERY]) == []


def test_the_last_host_with_tasks_in_its_queue() -> None:
    for groups in ({"live": ["app1"]}, {}):
        (problem,) = problems(W1, lengths={"celery": 9}, workers=[CELERY], groups=groups)
        assert problem.startswith("the queue celery of live has 9 tasks, and no other host consumes it.")
        assert "'celery_remove_force: true'" in problem
        assert problems(W1, lengths={"celery": 9}, workers=[CELERY], groups=groups, force=True) == []
        assert problems(W1, lengths={"celery": 0}, workers=[CELERY], groups=groups) == []


def test_a_queue_of_this_host_only() -> None:
    lengths: dict[str, int | None] = {"video": 1}
    assert "queue video of live has a task" in problems(VIDEO, lengths=lengths)[0]


@pytest.mark.parametrize(
    ("worker", "count"),
    [({}, 0), ({"hosts": ["app1"]}, 1), ({"hosts": ["app2"]}, 0), ({"state": "stopped"}, 1)],
)
def test_what_the_inventory_has_elsewhere(worker: dict[str, Any], count: int) -> None:
    """Only a worker that runs on a host that stays takes over."""
    own = {"name": "video", "queues": ["video"], **worker}
    inspected = {"workers": [], "queues": {"live": {"video": 3}}, "problems": []}
    hostvars = {"app2": {"celery_live": {**LIVE, "workers": [own]}}}
    assert len(left_behind([VIDEO], inspected, ["app1"], {"live": ["app1", "app2"]}, hostvars)) == count


def test_tasks_that_a_worker_holds_would_go_back_into_the_queue() -> None:
    (problem,) = problems(
        W1, lengths={"celery": 0}, workers=[{**CELERY, "reserved": 3, "scheduled": 1}], groups={"live": ["app1"]}
    )
    assert problem.startswith("live/w1 holds 4 tasks that no other host would take over.")


def test_a_worker_that_does_not_run() -> None:
    """Nobody says which queues it would consume: of all that were measured, one with tasks counts."""
    stopped = {**W1, "state": "inactive"}
    groups = {"live": ["app1"]}
    assert problems(stopped, lengths={"edc": 0}, groups=groups) == []
    assert "the queue edc of live has 2 tasks" in problems(stopped, lengths={"edc": 2}, groups=groups)[0]
    assert len(problems(stopped, VIDEO, lengths={"edc": 0, "video": 2}, groups=groups)) == 1


def test_a_broker_that_cannot_be_asked() -> None:
    (problem,) = problems(W1, lengths={}, groups={"live": ["app1"]})
    assert problem.startswith("the broker did not say how many tasks wait in celery of live (live/w1: refused).")
    assert problems(W1, lengths={}, groups={"live": ["app1"]}, force=True) == []
    assert problems(W1, lengths={}) == []


@pytest.mark.parametrize(
    ("beat", "advice"),
    [
        ({"host": "app1"}, "set beat.host of celery_live to one of them and run site.yml first"),
        ({"host": "app2"}, "without one: run site.yml first"),
        ({"hosts": ["app1", "app2"]}, ""),
    ],
)
def test_beat_is_moved_before_its_host_goes(beat: dict[str, Any], advice: str) -> None:
    found = problems(BEAT, beat=beat, force=True)
    assert [advice in problem for problem in found] == ([True] if advice else [])
    assert problems({**BEAT, "state": "inactive"}, beat=beat) == []
    assert problems(BEAT, groups={"live": ["app1"]}, beat=beat) == []
