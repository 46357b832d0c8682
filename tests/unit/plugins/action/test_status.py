# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What status prints and writes, as ansible-playbook runs it on this machine."""

from __future__ import annotations

import re
import stat
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.plugins.action.test_action import Done
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.fleet import service, worker

W1, UAT = (service(name, "w1", since="2026-11-21T09:30:00Z") for name in ("live", "uat"))


def facts(*services: dict[str, Any]) -> dict[str, Any]:
    """Return the result of service_facts."""
    return {"changed": False, "ansible_facts": {"stalk_celery": {"services": [*services]}}}


REPORTS: list[dict[str, Any]] = [
    {
        "host": "app1",
        "groups": ["live"],
        "wanted": [{**W1, "state": "started"}],
        "facts": facts(W1),
        "inspected": {"changed": False, "workers": [worker(W1)], "queues": {"live": {"celery": 7}}},
        "files": {"changed": False, "restart": []},
    },
    {"host": "app2", "groups": ["live"], "wanted": [], "facts": {"unreachable": True, "msg": "No route to host"}},
]


def status(**options: Any) -> dict[str, Any]:
    """Return the task."""
    return {"stalk.celery.status": {"reports": REPORTS, **options}, "run_once": True}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Show the table, pages in good and bad places, bad options."""
    here = tmp_path_factory.mktemp("status")
    tasks = {
        "table": status(),
        "page": status(page="fleet.html"),
        "nowhere": status(page="/nowhere/fleet.html"),
        "checked": {**status(page="checked.html"), "check_mode": True},
        "limited": status(limit="uat", reports=[{**REPORTS[0], "facts": facts(W1, UAT), "groups": ["live", "uat"]}]),
        "unknown": status(pages="fleet.html"),
    }
    return Done(here, tasks)


def test_the_table_is_printed_as_it_is(done: Done) -> None:
    _stars, summary, _empty, heading, app1, app2, _empty, *attention = done.tasks["table"].split("\n")
    assert summary.endswith(" UTC: 1 environment on 2 hosts (1 unreachable), 1 service: 1 running")
    assert heading.startswith("ENVIRONMENT  HOST  SERVICE  STATE        SINCE")
    assert re.fullmatch("live +app1 +w1 +running .* 123 MiB  celery: 7  0 of 8 +20261121-0930  current", app1)
    assert app2 == "             app2           UNREACHABLE"
    assert attention == [
        "NEEDS ATTENTION",
        "  app2: cannot be reached: No route to host",
        "      ansible app2 -m ansible.builtin.ping",
        "ok: [localhost]",
        "",
        "",
    ]


def test_the_page_is_written(done: Done) -> None:
    assert "<title>Celery: 1 problem</title>" in done.text("fleet.html")
    assert stat.S_IMODE((done.directory / "fleet.html").stat().st_mode) == 0o644
    assert "ok: [localhost]" in done.tasks["page"]


def test_no_page_is_written_in_check_mode(done: Done) -> None:
    assert "app2: cannot be reached" in done.tasks["checked"]
    assert not (done.directory / "checked.html").exists()


def test_a_page_that_cannot_be_written(done: Done) -> None:
    message = "celery_status_page: /nowhere/fleet.html cannot be written: No such file or directory"
    assert message in done.tasks["nowhere"]


def test_a_limit_narrows_the_table(done: Done) -> None:
    assert "uat          app1  w1" in done.tasks["limited"]
    assert "live" not in done.tasks["limited"]


def test_an_unknown_option(done: Done) -> None:
    assert "pages. Supported parameters include: limit, page, reports" in done.tasks["unknown"]
