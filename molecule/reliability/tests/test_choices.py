# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that are started, stopped, logged and limited in another way than by default."""

from __future__ import annotations

import re
import time

import pytest

from tests.fleet import Service, all_again, on_host, service, services, wait_for_new_processes
from tests.work import assert_each_done_once, eventually, recorded, run_tasks, send_new, together, wait_for_all

HOSTS = ("app1", "app2")
ROTATION = "/etc/logrotate.d/celery-debug-logged"


def of_both_hosts(*names: str) -> list[Service]:
    """Return these workers of debug."""
    return [one for host in HOSTS for one in services(host) if one.environment == "debug" and one.name in names]


def restart(worker: Service) -> float:
    """Restart a worker; return how many seconds that took."""
    began = time.monotonic()
    on_host(worker.host, "systemctl", "restart", worker.unit)
    return time.monotonic() - began


def test_a_restart_waits_for_tasks_whatever_the_type() -> None:
    """celery multi is stopped by stopwait, a plain process by a warm shutdown: nothing is lost, nothing runs twice."""
    workers = of_both_hosts("exec", "forking1", "forking2")
    works = send_new(workers, count=4, seconds=3)
    wait_for_all(works, "begun", 20, count=2)
    together(restart, workers)
    wait_for_all(works, "done", 40)
    assert_each_done_once(works)


def test_each_node_is_a_unit_that_comes_back() -> None:
    """kill -9 of one of two nodes of celery multi, and of a plain process: they return, and the other node goes on."""
    others = of_both_hosts("forking1")
    victims = of_both_hosts("forking2", "exec")
    for victim in victims:
        on_host(victim.host, "kill", "-9", str(victim.pid))
    run_tasks(wait_for_new_processes(victims))
    assert all_again(others) == others


def test_a_soft_stop_gives_back_what_it_cannot_finish() -> None:
    """A task that outlives the stop begins again at once, not after a visibility timeout, and is done once."""
    workers = of_both_hosts("soft")
    works = send_new(workers, count=2, seconds=12)
    wait_for_all(works, "begun", 20)
    assert max(together(restart, workers)) < 12 + 10
    wait_for_all(works, "done", 60)
    assert recorded(works, "begun") == [{0: 2, 1: 2}] * len(HOSTS)
    assert recorded(works, "done") == [{0: 1, 1: 1}] * len(HOSTS)


def test_a_rotation_loses_no_line_of_a_log_file() -> None:
    """Three processes log 300 tasks, while logrotate finds their files too large three times. It keeps three."""
    before = [lines_logged(host) for host in HOSTS]
    works = send_new(of_both_hosts("logged"), count=300, seconds=0.02)
    for part in (1, 2, 3):
        wait_for_all(works, "done", 30, count=75 * part)
        for host in HOSTS:
            on_host(host, "logrotate", ROTATION)
    wait_for_all(works, "done", 30)
    after = [count + 300 for count in before]
    eventually("all ends are logged", lambda: sum(map(lines_logged, HOSTS)) >= sum(after), 20)
    assert [lines_logged(host) for host in HOSTS] == after
    for host in HOSTS:
        assert modes(host) == ["debug:debug 640"] * 3 * (1 + 3)
        on_host(host, "logrotate", "--force", ROTATION)
        assert len(modes(host)) == 3 * (1 + 3)


def modes(host: str) -> list[str]:
    """Return owner and mode of all log files of the worker."""
    return on_host(host, "sh", "-c", "stat --format='%U:%G %a' /var/log/celery-debug/logged*").splitlines()


def lines_logged(host: str) -> int:
    """Return how many ends of tasks are in all log files of the worker, the old ones too."""
    count = "zcat --force /var/log/celery-debug/logged* | awk '/ succeeded in / {n++} END {print n + 0}'"
    return int(on_host(host, "sh", "-c", count))


@pytest.mark.parametrize("host", HOSTS)
def test_limits_hold(host: str) -> None:
    """The kernel says so of the process, and systemd of those that need a controller."""
    worker = service(host, "celery-debug-limited")
    limits = on_host(host, "cat", f"/proc/{worker.pid}/limits")
    assert re.search(r"Max open files +4096 +4096", limits)
    assert on_host(host, "ps", "--no-headers", "-o", "ni", "-p", str(worker.pid)).strip() == "5"
    assert on_host(host, "cat", f"/proc/{worker.pid}/oom_score_adj").strip() == "500"
    assert f"/batch.slice/{worker.unit}" in on_host(host, "cat", f"/proc/{worker.pid}/cgroup")
    expected = {"TasksMax": "200", "MemoryMax": f"{2**30}", "CPUQuotaPerSecUSec": "500ms", "OOMPolicy": "continue"}
    shown = on_host(host, "systemctl", "show", f"--property={','.join(expected)}", worker.unit)
    assert dict(line.split("=") for line in shown.split()) == expected
    run_tasks([worker])
