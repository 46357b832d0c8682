# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a set-up, and what is counted."""

from __future__ import annotations

import re
import statistics
import subprocess
import time

from tests.bench.load import HOST, Line, forget_tasks, ledger, scheduled, send, steady, wait, waiting
from tests.bench.setups import Setup
from tests.fleet import on_host
from tests.hosts.boot import wait_until_up

TASKS = 100
RESTARTS = 5
LONG = 40.0  # seconds
PER_SECOND = 30


def trials(setup: Setup) -> dict[str, str]:
    """Do everything to a set-up that is installed; return the cells of its row."""
    cells = {"exposure": exposure(setup)}
    if working_nodes(setup, "start", 30) < setup.nodes:
        return {**cells, "lost": "does not start"}
    cells["beat"] = beat(setup)
    cells |= restarts(setup)
    cells |= deploy(setup)
    cells |= kill(setup)
    return cells | reboot(setup)


def exposure(setup: Setup) -> str:
    """Return the number that systemd gives the unit: 0 is best, 10 is worst."""
    said = on_host(HOST, "systemd-analyze", "security", "--no-pager", setup.workers[0])
    return str(re.findall(r"Overall exposure level.*: ([\d.]+ [A-Z]+)", said)[0])


def working_nodes(setup: Setup, name: str, seconds: float) -> int:
    """Return how many nodes run tasks: as soon as all of them do, or else when the time is over."""

    def nodes() -> int:
        return len({line.node for line in ledger(name)})

    def all_work() -> bool:
        send(setup.queue, name, [0.2] * 4 * setup.nodes)
        return nodes() == setup.nodes

    wait(all_work, seconds)
    return nodes()


def beat(setup: Setup) -> str:
    """Return whether beat schedules tasks, and leave it stopped."""
    if not setup.beat:
        return "none"
    before = scheduled()
    runs = wait(lambda: scheduled() > before + 1, 20)
    on_host(HOST, "systemctl", "stop", setup.beat)
    return "runs" if runs else "never starts"


def restarts(setup: Setup) -> dict[str, str]:
    """Restart the workers while they have tasks: which tasks are lost, and how long does nobody begin one?"""
    send(setup.queue, "restarts", [1 + number % 6 / 10 for number in range(TASKS)])
    old: set[int] = set()
    seconds: list[float] = []

    def new() -> list[Line]:
        return [line for line in ledger("restarts") if line.main not in old]

    def busy() -> bool:
        lines = new()
        return len({line.node for line in lines}) == setup.nodes and sum(line.event == "done" for line in lines) >= 4

    while len(seconds) < RESTARTS:
        assert wait(busy, 60), f"{setup.title}: the workers do not run tasks"
        old |= {line.main for line in ledger("restarts")}
        began = time.time()
        on_host(HOST, "systemctl", "restart", *setup.workers)
        assert wait(lambda: bool(new()), 60), f"{setup.title}: the workers did not come back"
        seconds.append(new()[0].time - began)
    assert wait(lambda: settled("restarts"), 90), f"{setup.title}: the broker still has {waiting()} tasks"
    lines = ledger("restarts")
    begun = [line.number for line in lines if line.event == "begun"]
    done = {line.number for line in lines if line.event == "done"}
    return {
        "lost": str(TASKS - len(done)),
        "twice": str(len(begun) - len(set(begun))),
        "seconds": f"{statistics.median(seconds):.1f}",
    }


def deploy(setup: Setup) -> dict[str, str]:
    """Deploy while two of the four processes have long tasks: how long does a short one wait, and what is lost?"""
    send(setup.queue, "long", [LONG] * 2)
    assert wait(lambda: len(ledger("long")) == 2, 30), f"{setup.title}: the long tasks do not begin"
    with steady(setup.queue, "deploy", PER_SECOND) as sent:
        assert wait(lambda: len(ledger("deploy")) > PER_SECOND, 30), f"{setup.title}: the short tasks do not begin"
        on_host(HOST, "systemctl", setup.deploy, *setup.workers)
        time.sleep(5)
    assert wait(lambda: settled("deploy"), 2 * LONG), f"{setup.title}: the broker still has {waiting()} tasks"
    wait(lambda: len(ledger("long")) == 4, LONG)
    begun = [line for line in ledger("deploy") if line.event == "begun"]
    longest = max(line.time - sent[line.number] for line in begun)
    done = [{line.number for line in ledger(name) if line.event == "done"} for name in ("deploy", "long")]
    lost = len(sent) + 2 - sum(map(len, done))
    return {"wait": f"{longest:.1f}" + (f", and {lost} lost" if lost else "")}


def kill(setup: Setup) -> dict[str, str]:
    """Kill the main process of one node, and look after 30 s which nodes run tasks."""
    send(setup.queue, "kill", [1.0] * 200)
    assert wait(lambda: len({line.node for line in ledger("kill")}) == setup.nodes, 30), f"{setup.title}: idle nodes"
    killed = ledger("kill")[0]
    on_host(HOST, "kill", "-9", str(killed.main))
    at = time.time()
    time.sleep(30)
    lines = ledger("kill")
    alive = {line.node for line in lines if line.time > at + 25}
    back = [line.time - at for line in lines if line.node == killed.node and line.main != killed.main]
    lost = {line.number for line in lines if line.main == killed.main} - {
        line.number for line in lines if line.event == "done"
    }
    return {
        "killed": f"{len(alive)} of {setup.nodes}",
        "back": f"{back[0]:.1f}" if back else "never",
        "killed tasks": str(len(lost)),
    }


def reboot(setup: Setup) -> dict[str, str]:
    """Boot the host again, and look for 60 s which nodes run tasks."""
    forget_tasks()
    subprocess.run(["podman", "restart", "--time=60", HOST], check=True, stdout=subprocess.DEVNULL)
    wait_until_up(HOST)
    return {"rebooted": f"{working_nodes(setup, 'reboot', 60)} of {setup.nodes}"}


def settled(name: str) -> bool:
    """Return whether the broker has no task for anybody, and no task of a ledger has begun or ended for 5 s."""
    return waiting() == 0 and ledger(name)[-1].time < time.time() - 5
