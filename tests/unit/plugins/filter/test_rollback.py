# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run a rollback undoes."""

from __future__ import annotations

from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._operations._rollback import rollback_of

FIRST, SECOND, THIRD = (f"2026112{day}T093000Z" for day in range(3))


def one(run: str, *, differs: bool = True, undoes: str = "", unfinished: bool = False) -> dict[str, Any]:
    return {"run": run, "differs": differs, "undoes": undoes, "unfinished": unfinished}


def test_the_last_run_of_the_fleet() -> None:
    """Also where it changed one host only, and an environment of several."""
    both = {"live": [one(FIRST)], "uat": [one(SECOND)]}
    hosts: list[dict[str, Any]] = [{"live": [one(FIRST)]}, both, {"live": []}, {}]
    assert rollback_of(hosts) == {"undo": SECOND, "run": "", "problems": []}


def test_a_run_that_left_no_difference_is_passed_over() -> None:
    assert rollback_of([{"live": [one(SECOND, differs=False), one(FIRST)]}])["undo"] == FIRST


def test_a_rollback_is_undone_when_it_is_finished() -> None:
    hosts = [{"live": [one(SECOND, undoes=FIRST), one(FIRST, differs=False)]}]
    assert rollback_of(hosts) == {"undo": SECOND, "run": "", "problems": []}


def test_a_rollback_that_died_is_finished() -> None:
    """As long as one host has not gone back."""
    done = {"live": [one(SECOND, undoes=FIRST), one(FIRST, differs=False)]}
    not_done = {"live": [one(SECOND, undoes=FIRST, differs=False, unfinished=True), one(FIRST)]}
    assert rollback_of([done, not_done]) == {"undo": FIRST, "run": SECOND, "problems": []}


def test_a_change_after_a_rollback_that_died_comes_first() -> None:
    kept = [one(THIRD), one(SECOND, undoes=FIRST, unfinished=True), one(FIRST)]
    assert rollback_of([{"live": kept}])["undo"] == THIRD


def test_the_user_names_the_run() -> None:
    hosts = [{"live": [one(SECOND, undoes=FIRST, unfinished=True), one(FIRST)]}]
    assert rollback_of(hosts, FIRST) == {"undo": FIRST, "run": "", "problems": []}
    (problem,) = rollback_of(hosts, THIRD)["problems"]
    assert f"names the run '{THIRD}', before which no host kept anything" in problem
    assert f"the runs that kept something are {SECOND}, {FIRST}" in problem


def test_nothing_to_go_back_to() -> None:
    (problem,) = rollback_of([{"live": []}, {}])["problems"]
    assert problem.endswith("no host kept anything that differs from what it runs now (no run kept anything).")
    (problem,) = rollback_of([{"live": [one(FIRST, differs=False)]}])["problems"]
    assert FIRST in problem


def test_a_host_that_cannot_be_asked() -> None:
    """It may have the last change."""
    for limit, advice in (("", "-l 'all:!app2:!app3'"), ("live", "-l 'live:!app2:!app3'")):
        (problem,) = rollback_of([{"live": [one(FIRST)]}], "", ["app2", "app3"], limit)["problems"]
        assert problem.startswith("app2, app3 could not be reached, so what they have kept is unknown.")
        assert problem.endswith(advice)
