# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each class of faults is made."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults import children, full_run, reload, run_until_task, send_signal, turn_clock, without_network
from tests.fleet import Service, again, on_host, wait_for_new_process
from tests.hosts.boot import podman, wait_until_up
from tests.runs import command, converged
from tests.soak.draw import Fault, Lane
from tests.soak.field import BROKER, Field, worker
from tests.work import together

BACK = 120.0  # seconds until a process that was killed has a successor
DAY = 86400
TASKS = 40  # of a run of site.yml that changes a variable; a run that has fewer is killed when it is over
STOP = 120  # seconds that a reboot waits for a host


def systemctl(verb: str, lane: Lane) -> None:
    """Have systemd do something with a worker, and wait for it."""
    on_host(lane.host, "systemctl", verb, lane.unit)


def handed_over(lane: Lane) -> Service:
    """Hand a worker over; return the process that drains now."""
    old = worker(lane)
    if reload(old) != "0" or again(old).pid == old.pid:
        raise AssertionError(f"{lane} was not handed over")
    return old


def one(fault: Fault) -> Lane:
    """Return the worker that a fault hits."""
    (lane,) = fault.tasks
    return lane


def host(fault: Fault) -> str:
    """Return the host that a fault hits."""
    (name,) = {lane.host for lane in fault.tasks}
    return name


def hand_over(_field: Field, fault: Fault) -> None:
    """``systemctl reload``."""
    handed_over(one(fault))


def restart(_field: Field, fault: Fault) -> None:
    """``systemctl restart``."""
    systemctl("restart", one(fault))


def stop(_field: Field, fault: Fault) -> None:
    """Stop it, and start it some seconds later."""
    systemctl("stop", one(fault))
    time.sleep(5 * fault.share)
    systemctl("start", one(fault))


def stop_both(_field: Field, fault: Fault) -> None:
    """Restart it while the process before drains."""
    handed_over(one(fault))
    systemctl("restart", one(fault))


def shut_down(_field: Field, fault: Fault) -> None:
    """``celery control shutdown``, which ends without an answer."""
    lane = one(fault)
    old = worker(lane)
    tell = f"celery-{lane.environment} control shutdown --destination {lane.name}@{lane.host} || test $? -eq 69"
    on_host(lane.host, "sh", "-c", tell)
    wait_for_new_process(old, BACK)


def kill_child(_field: Field, fault: Fault) -> None:
    """Kill a process of the pool."""
    found = worker(one(fault))
    pids = children(found)
    on_host(found.host, "kill", "-KILL", pids[int(fault.share * len(pids))])


def kill_main(_field: Field, fault: Fault) -> None:
    """Kill the main process."""
    end(worker(one(fault)))


def end(found: Service) -> None:
    """Kill the main process of a service, and wait for the next one."""
    send_signal("KILL", found)
    wait_for_new_process(found, BACK)


def kill_old(_field: Field, fault: Fault) -> None:
    """Kill the old process of a hand-over, unless it has drained already."""
    old = handed_over(one(fault))
    on_host(old.host, "sh", "-c", 'kill -KILL "$0" || ! test -e "/proc/$0"', str(old.pid))


def kill_new(_field: Field, fault: Fault) -> None:
    """Kill the new process of a hand-over, while the old one drains."""
    end(again(handed_over(one(fault))))


def pause(_field: Field, fault: Fault) -> None:
    """Stop the main process for some seconds, fewer than the watchdog waits."""
    found = worker(one(fault))
    send_signal("STOP", found)
    time.sleep(2 + 6 * fault.share)
    send_signal("CONT", found)


def hang(_field: Field, fault: Fault) -> None:
    """Stop the main process; the watchdog ends it."""
    found = worker(one(fault))
    send_signal("STOP", found)
    wait_for_new_process(found, BACK)


def memory(_field: Field, fault: Fault) -> None:
    """Refuse the main process all memory that it does not have yet, for some seconds."""
    found = worker(one(fault))
    size = on_host(found.host, "awk", "/^VmSize/ {print $2 * 1024}", f"/proc/{found.pid}/status").strip()
    limit = 'prlimit --pid "$0" --as="$1" || ! test -e "/proc/$0"'
    on_host(found.host, "sh", "-c", limit, str(found.pid), f"{size}:")
    time.sleep(2 + 6 * fault.share)
    on_host(found.host, "sh", "-c", limit, str(found.pid), "unlimited:")


def clock(_field: Field, fault: Fault) -> None:
    """Set the clock of a worker a day ahead or back, and right again."""
    turn_clock(host(fault), DAY if fault.share < 0.5 else -DAY)
    time.sleep(5 + 10 * fault.share)
    turn_clock(host(fault), 0)


def deploy(field: Field, fault: Fault) -> None:
    """Change a variable of all workers with a run of site.yml that is killed at a random task, and run it again."""
    limit, variables = ("--limit", host(fault)), field.deployed(fault.number)
    run_until_task(command(*limit, variables=variables), 1 + int(fault.share * TASKS))
    converged(*limit, variables=variables)


def reboot(_field: Field, fault: Fault) -> None:
    """Shut the host down and boot it."""
    podman("restart", f"--time={STOP}", host(fault))
    wait_until_up(host(fault))


def power(_field: Field, fault: Fault) -> None:
    """Kill all processes of the host at once, and boot it."""
    podman("kill", host(fault))
    podman("wait", host(fault))
    podman("start", host(fault))
    wait_until_up(host(fault))


def disk(_field: Field, fault: Fault) -> None:
    """Hand all workers of the host over while /run has no room."""
    with full_run(host(fault)):
        together(handed_over, fault.tasks)


def network(_field: Field, fault: Fault) -> None:
    """Drop all packets of the host for some time."""
    with without_network(host(fault)):
        time.sleep(5 + 25 * fault.share)


def broker_restart(field: Field, _fault: Fault) -> None:
    """Restart the brokers."""
    on_host(BROKER, "systemctl", "restart", *field.units)


def broker_gone(field: Field, _fault: Fault) -> None:
    """Stop the brokers for a while."""
    on_host(BROKER, "systemctl", "stop", *field.units)
    time.sleep(field.outage)
    on_host(BROKER, "systemctl", "start", *field.units)


FAULTS: dict[str, Callable[[Field, Fault], None]] = {
    function.__name__: function
    for function in (
        hand_over,
        restart,
        stop,
        stop_both,
        shut_down,
        deploy,
        reboot,
        disk,
        pause,
        clock,
        network,
        broker_restart,
        broker_gone,
        kill_child,
        kill_main,
        kill_old,
        kill_new,
        hang,
        memory,
        power,
    )
}
