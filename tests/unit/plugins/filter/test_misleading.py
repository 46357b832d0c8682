# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the inventory that are the same machine."""

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _machine
from ansible_collections.stalk.celery.plugins.plugin_utils._operations._machines import misleading, strays


def test_every_host_is_a_machine_of_its_own() -> None:
    assert misleading({"app1": "a", "app2": "b", "gone": "", "lost": ""}, "app2") == {}


def test_a_host_that_leads_to_this_machine() -> None:
    assert misleading({"app1": "b", "app2": "b", "db1": "d"}, "app2") == {
        "app1": "app1 leads to this machine (ansible_connection: local?)"
    }


def test_two_others_that_are_one_machine() -> None:
    """Nobody knows which of the two it is."""
    assert misleading({"app1": "a", "app2": "b", "app3": "a"}, "app2") == {
        "app1": "app1 leads to the same machine as app3",
        "app3": "app3 leads to the same machine as app1",
    }


def test_this_host_did_not_answer() -> None:
    assert misleading({"app1": "a", "app2": ""}, "app2") == {}


@pytest.mark.parametrize(("machine", "expected"), [("m1", ["old"]), ("m2", ["uat", "old"]), ("", ["uat", "old"])])
def test_what_a_machine_runs_under_another_name_is_no_stray(machine: str, expected: list[str]) -> None:
    """But it is where the other name leads to another machine, or nobody knows."""
    there = [{"environment": name, "problem": name} for name in ("uat", "old")]
    groups = {"live": ["web-live"], "uat": ["web-uat"], "old": ["app9"], "all": ["web-live", "web-uat", "app9"]}
    answers = {"web-live": {"machine": "m1"}, "web-uat": {"machine": machine}}
    found = strays({"machine": "m1", "orphans": there}, groups, "web-live", answers)
    assert found == expected


def test_a_host_that_did_not_answer_has_no_strays() -> None:
    assert strays({"failed": True}, {"live": ["app1"]}, "app1", {}) == []


def test_a_machine_is_the_same_each_time() -> None:
    assert _machine.identity() == _machine.identity()


@pytest.mark.parametrize("part", ["_MACHINE_ID", "_BOOT_ID"])
def test_a_clone_is_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: object, part: str) -> None:
    """One with the same machine id has booted by itself; one that has shared the boot has another id."""
    own = _machine.identity()
    monkeypatch.setattr(_machine, part, f"{tmp_path}/other")
    assert _machine.identity() != own
