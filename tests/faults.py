# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to services and hosts, done from outside."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.fleet import Service, on_host
from tests.hosts.enter import first_process

CLOCK = "/var/lib/clock"
TASK = ("TASK [", "RUNNING HANDLER [")


def reload(worker: Service) -> str:
    """Reload a worker; return the exit status."""
    return on_host(worker.host, "sh", "-c", 'systemctl reload "$0"; echo $?', worker.unit).strip()


def send_signal(name: str, service: Service) -> None:
    """Send a signal to the main process of a service."""
    on_host(service.host, "kill", f"-{name}", str(service.pid))


def children(worker: Service) -> list[str]:
    """Return the processes of a worker's pool."""
    return on_host(worker.host, "pgrep", "--parent", str(worker.pid)).split()


def fill(host: str, directory: str) -> None:
    """Write a file that leaves nothing of a file system."""
    write = f"cat /dev/zero > {directory}/filler; df --output=avail {directory}"
    assert on_host(host, "sh", "-c", write).split()[-1] == "0"


@contextmanager
def full_run(host: str) -> Iterator[None]:
    """Fill /run, where systemd makes the runtime directories and the collection notes what it started."""
    used = int(on_host(host, "df", "--output=used", "-k", "/run").split()[-1])
    on_host(host, "mount", "-o", f"remount,size={used + 16}k", "/run")
    fill(host, "/run")
    try:
        yield
    finally:
        empty_run(host)


def empty_run(host: str) -> None:
    """Make room in /run."""
    on_host(host, "rm", "--force", "/run/filler")
    on_host(host, "mount", "-o", "remount,size=1g", "/run")


def turn_clock(host: str, seconds: int) -> None:
    """Turn the clock of services that have one of their own so many seconds away from the machine's."""
    on_host(host, "sh", "-c", f"echo {seconds:+d} > {CLOCK}.new && mv {CLOCK}.new {CLOCK}")


@contextmanager
def without_network(host: str) -> Iterator[None]:
    """Drop all packets of a host, so that nobody is told."""
    pid = first_process(host)

    def change(option: str) -> None:
        for chain, interface in (("INPUT", "--in-interface"), ("OUTPUT", "--out-interface")):
            rule = ["iptables", "--wait", option, chain, "!", interface, "lo", "--jump", "DROP"]
            subprocess.run(["nsenter", "--net", f"--target={pid}", *rule], check=True)

    change("--insert")
    try:
        yield
    finally:
        change("--delete")


def run_until_task(command: Sequence[str], number: int) -> None:
    """Run a playbook and kill it, with all its processes, at the beginning of its task of this number, if it has it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        tasks = (line for line in run.stdout or () if line.startswith(TASK))
        next(itertools.islice(tasks, number - 1, None), None)
        os.killpg(run.pid, signal.SIGKILL)
