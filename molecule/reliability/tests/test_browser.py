# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flower in a real browser: its scripts run, with the address that a proxy gives it and with a password."""

from __future__ import annotations

from pathlib import Path

from tests.browser import shown
from tests.work import eventually

LIVE = "http://ann:only-for-the-tests-live-flower@127.0.0.1:5555/"
UAT = "http://{}127.0.0.1:5556/flower/"


def test_the_workers_of_live_are_online(tmp_path: Path) -> None:
    """Five pools on two hosts, in a table that a script has made."""

    def ten() -> bool:
        page = shown("app1", LIVE, tmp_path)
        return "Showing 1 to 10 of 10 workers" in page and page.count(">Online<") == 10

    eventually("ten workers online", ten, 60)


def test_the_tasks_of_uat_are_shown_to_whom_has_the_password(tmp_path: Path) -> None:
    """A script loads the tasks, below the prefix."""

    def ticks() -> bool:
        page = shown("app2", UAT.format("ann:only-for-the-tests-uat-flower@") + "tasks", tmp_path)
        return "meta_edc.tasks.tick" in page and "SUCCESS" in page and "Showing 1 to" in page

    eventually("ticks on the page", ticks, 60)


def test_others_are_shown_nothing(tmp_path: Path) -> None:
    """A wrong password is as good as none."""
    assert "w1@app2" not in shown("app2", UAT.format("ann:wrong@"), tmp_path)
    assert "Access denied" in shown("app2", UAT.format(""), tmp_path)
