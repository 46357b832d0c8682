# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table in the terminal."""

from __future__ import annotations

import re

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import status_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_table import lines_of
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.fleet import NOW, fleet, report, service, worker

WHOLE = """\
2026-11-21 10:00:00 UTC: 2 environments on 4 hosts (1 unreachable), 12 services: 7 running, 1 failed, 1 no broker, \
1 stopped, 1 no answer, 1 missing

ENVIRONMENT  HOST  SERVICE  STATE        SINCE    PID   MEMORY   QUEUES                 RUNNING  RELEASE        \
CONFIGURATION                    LAST TICK
live         app1  reports  FAILED       7m ago                  reports: 41                                    \
current
                   video    running      3d ago   4712  1.3 GiB  video: 230, thumbs: 0  8 of 8   20261121-0930  \
current
                   w1       running      5h ago   4711  123 MiB  celery: 12             2 of 8   20261121-0930  \
current
                   beat     running      5h ago   4713  61 MiB                                   20261121-0930  \
current                          4s ago
                   flower   running      5h ago   4714  88 MiB                                   20261121-0930  \
current
             app2  w1       running      26h ago  812   123 MiB  celery: 12             8 of 8   20261120-1702  \
STALE: release, code
             app3           UNREACHABLE
             app4  w1       running      40d ago  333   123 MiB  celery: 0              0 of 8   20261120-1702  \
LEFT GROUP
uat          app2  mail     NO BROKER    5h ago   917   123 MiB  mail: ?                ?        20261121-0930  \
current
                   nightly  stopped                              nightly: ?
                   slow     NO ANSWER    5h ago   916   140 MiB  slow: ?                ?        20261121-0930  \
current
                   w1       running      40s ago  915   117 MiB  celery: 3              1 of 8   20261121-0930  \
STALE: inventory, configuration
                   beat     MISSING

NEEDS ATTENTION
  app3: cannot be reached: Failed to connect to the host via ssh: No route to host
      ansible app3 -m ansible.builtin.ping
  live: reports on app1: failed (journalctl -u celery-live-reports.service on app1)
      ansible-playbook stalk.celery.site -l 'app1:&live'
"""


def test_the_whole_of_it() -> None:
    text = "\n".join(line.text for line in lines_of(status_of(fleet(), NOW), 160))
    assert text.startswith(WHOLE)
    assert text.endswith("""\

GENERATIONS, the newest first: ansible-playbook stalk.celery.rollback -e celery_rollback_run=RUN undoes one of \
these runs
  live: 20261121T093000Z on app1, app2, release 20261120-1702
  live: 20261119T080112Z on app1
  uat: 20261121T093000Z on app2""")


def test_what_is_wrong_is_marked() -> None:
    marked = [line.text for line in lines_of(status_of(fleet(), NOW), 160) if line.bad]
    assert len(marked) == 17
    assert "  app3: cannot be reached: Failed to connect to the host via ssh: No route to host" in marked


@pytest.mark.parametrize("width", [100, 120, 140, 160])
def test_thirty_services_fit_the_terminal(width: int) -> None:
    names = [f"w{number}" for number in range(1, 31)]
    queues = ["celery", "imports", "exports", "mails"]
    host = report("app1.example.org", *(service("live", name, queues=queues, stale=["release"]) for name in names))
    _summary, _empty, *table = lines_of(status_of([host], NOW), width)
    heading, *rows = [line.text for line in table[:31]]
    assert max(map(len, (heading, *rows))) <= width
    assert all(name in row.split() for name, row in zip(names, rows, strict=True))
    assert {"SERVICE", "STATE", "QUEUES", "RUNNING", "CONFIGURATION"} <= {*heading.split()}
    assert ("RELEASE" in heading, "PID" in heading) == (width >= 120, width >= 140)


@pytest.mark.parametrize("width", range(100, 135))
def test_lengths_of_queues_are_never_cut(width: int) -> None:
    worker = service("live", "w1", queues=["q", "r", "s"])
    host = report("app1", worker, queues={"live": {"q": 111, "r": 222, "s": 333}})
    lines = [line.text for line in lines_of(status_of([host], NOW), width)]
    start = lines[2].index("QUEUES")
    shown = lines[3][start : lines[2].index("RUNNING")]
    assert {*re.findall(r"\d+", shown)} <= {"111", "222", "333"}


def test_names_are_never_cut() -> None:
    host = report("a-host-with-a-long-name.example.org", service("an-environment", "a-worker-with-a-long-name"))
    row = next(line.text for line in lines_of(status_of([host], NOW), 100) if line.text.startswith("an-env"))
    assert row.split()[:3] == ["an-environment", "a-host-with-a-long-name.example.org", "a-worker-with-a-long-name"]


def test_the_queues_of_a_worker_that_does_not_tell_them_are_unknown() -> None:
    host = report("app1", service("live", "w1", memory=None), workers=[])
    row = next(line.text for line in lines_of(status_of([host], NOW), 160) if line.text.startswith("live"))
    assert row.split()[5:] == ["ago", "4711", "?", "?", "20261121-0930", "current"]


def test_a_fleet_where_all_is_well() -> None:
    host = report("app1", service("live", "w1"))
    assert [line.text for line in lines_of(status_of([host], NOW), 160)] == [
        "2026-11-21 10:00:00 UTC: 1 environment on 1 host, 1 service: 1 running",
        "",
        "ENVIRONMENT  HOST  SERVICE  STATE    SINCE   PID   MEMORY   QUEUES     RUNNING  RELEASE        CONFIGURATION",
        "live         app1  w1       running  5h ago  4711  123 MiB  celery: 0  0 of 8   20261121-0930  current",
        "",
        "Nothing needs attention.",
    ]


DRAINS = (
    "connected to redis://:**@broker1:6379/1; 3 running, 0 reserved, 118 in total"
    "; process 333 drains since 2026-11-21T08:00:00Z; 1 running, 0 reserved, 20 in total"
    "; process 4242 drains since 2026-11-21T09:55:00Z; 2 running, 0 reserved, 90 in total"
)


def test_what_drains_since_when_and_with_how_many_tasks() -> None:
    """The tasks of older processes are not those of the worker that took over."""
    one = service("live", "w1", status=DRAINS)
    heading, row = (
        line.text for line in lines_of(status_of([report("app1", one, workers=[worker(one, 3)])], NOW), 200)[2:4]
    )
    assert row[heading.index("RUNNING") :].startswith("3 of 8   1 since 2h ago, 2 since 5m ago")
    assert heading[heading.index("RUNNING") :].startswith("RUNNING  DRAINING  ")


def test_a_fleet_without_services() -> None:
    lines = lines_of(status_of([report("app1", groups=["live"])], NOW), 160)
    assert [line.text for line in lines][1:] == ["", "Nothing needs attention."]
