# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done on a host follows from what differs there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._look import Found, steps_of

MINIMAL = {"app": "edc:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}
ACCOUNT = {"group": "live", "home": "/home/live", **dict.fromkeys(("makes_user", "makes_group", "makes_home"), False)}
ACCOUNTS = {name: {**ACCOUNT, "group": name, "missing": False} for name in ("live", "uat")}
OPTIONS: dict[str, Any] = {
    "environments": None,
    "kinds": ["worker", "beat", "flower"],
    "passwords": {},
    "installed": False,
    "everything": False,
}
BEATS = ["celery-live-beat.service", "celery-uat-beat.service"]


def steps(live: dict[str, Any] | None = None, found: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Return what is done on app1, which has live and uat, where only this was found to differ."""
    variables = {
        "live": {**MINIMAL, "beat": {"host": "app1"}, **(live or {})},
        "uat": {**MINIMAL, "user": "uat", "beat": {"host": "app1"}},
    }
    groups = {"all": ["app1", "app2"], "live": ["app1"], "uat": ["app1"]}
    inventory = Inventory(["live", "uat"], variables, groups, "app1")
    nothing: dict[str, Any] = {"changing": [], "differing": [], "unsettled": [], "settled": BEATS, "running": []}
    nothing["taken"] = []
    return steps_of(inventory, {**OPTIONS, **options}, ACCOUNTS, Found(**{**nothing, **(found or {})}))


def test_nothing_is_done_where_nothing_differs() -> None:
    done = steps()
    assert (done["ready"], done["packages"], done["beats"]["hosts"]) == ([], [], [])
    assert done["passes"] == [["worker", "beat", "flower"]]
    assert (done["create"]["differs"], done["differs"]) == (False, False)


@pytest.mark.parametrize(
    "found",
    [
        {"changing": ["uat"]},
        {"unsettled": ["celery-uat-w1.service"]},
        {"unsettled": ["celery-uat.target"]},
        {"unsettled": ["stalk-watch-uat.service"]},
    ],
)
def test_only_the_environment_that_differs_is_converged(found: dict[str, Any]) -> None:
    assert steps(found=found)["ready"] == ["uat"]


def test_a_log_directory_that_is_missing_is_a_difference() -> None:
    own = {"log_file": "/srv/logs/%n.log"}
    assert steps(own, {"differing": ["/srv/logs"]})["ready"] == ["live"]


def test_a_service_of_another_kind_is_left_to_its_own_role() -> None:
    assert steps(found={"unsettled": ["celery-uat-beat.service"]}, kinds=["worker"])["ready"] == []


def test_a_beat_that_starts_comes_last_and_alone() -> None:
    done = steps(found={"unsettled": [BEATS[0]], "settled": BEATS[1:]})
    assert done["passes"] == [["worker", "flower"], ["beat"]]
    assert (done["beats"]["hosts"], done["beats"]["marker_prefixes"]) == (["app1", "app2"], ["live/beat/"])


def test_a_beat_elsewhere_goes_on_until_the_packages_of_its_environment_are_there() -> None:
    """Else there would be none while they are installed."""
    changes = {"changing": ["live", "uat"], "settled": []}
    first = steps({"packages": ["celery"]}, changes)
    assert (first["ready"], first["packages"], first["beats"]["marker_prefixes"]) == (["uat"], ["live"], ["uat/beat/"])
    second = steps({"packages": ["celery"]}, changes, environments=["live"], installed=True)
    assert (second["ready"], second["packages"], second["beats"]["marker_prefixes"]) == (["live"], [], ["live/beat/"])


def test_beat_comes_last_where_one_is_taken_over() -> None:
    """One that is part of a worker goes when the new workers are ready."""
    gone = {"environment": "uat", "manager": "systemd", "name": "celery.service", "kinds": ["worker"], "queues": []}
    done = steps(found={"taken": [gone]})
    assert (done["ready"], done["passes"]) == (["uat"], [["worker", "beat", "flower"]])
    done = steps(found={"taken": [{**gone, "kinds": ["beat", "worker"]}]})
    assert done["passes"] == [["worker", "flower"], ["beat"]]


def test_a_queue_that_would_have_no_worker_any_more_is_told() -> None:
    """Whatever host its worker is on."""
    gone = {"environment": "live", "manager": "init", "name": "celeryd", "kinds": ["worker"], "queues": ["a", "b"]}
    workers = [{"name": "w1", "queues": ["a"]}, {"name": "w2", "queues": ["c"], "hosts": ["app2"]}]
    (told,) = steps({"workers": workers}, {"taken": [gone]})["unserved"]
    assert told.startswith("live: /etc/init.d/celeryd consumes b, and no worker of celery_live does; name it in the")
    workers[1]["queues"] = ["b"]
    assert steps({"workers": workers}, {"taken": [gone]})["unserved"] == []
