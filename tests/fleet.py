# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the services of test hosts from outside, and send them tasks, without a line of the collection."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.hosts.enter import command_on

APP = """
import json, os, sys
from urllib.parse import urlsplit
from celery import Celery

app = Celery(broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
prefix = {"global_keyprefix": urlsplit(app.conf.broker_url).username + ":"}
app.conf.update(broker_transport_options=prefix, result_backend_transport_options=prefix)
"""
ASK = (
    APP
    + """
queue, count = sys.argv[1], int(sys.argv[2])
sent = [app.send_task("meta_edc.tasks.whoami", queue=queue) for _ in range(count)]
print(json.dumps([result.get(timeout=30) for result in sent]))
"""
)
QUEUES = (
    APP
    + """
active = app.control.inspect(timeout=2).active_queues() or {}
print(json.dumps({node: [queue["name"] for queue in queues] for node, queues in active.items()}))
"""
)
TASK = (
    APP
    + """
name, queue, arguments = sys.argv[1:]
print(json.dumps(app.send_task(name, json.loads(arguments), queue=queue).get(timeout=60)))
"""
)
TICKS = """
import json, os, redis, sys

ticks = redis.Redis.from_url(os.environ["CELERY_RESULT_BACKEND"]).lrange(sys.argv[1], 0, -1)
print(json.dumps([tick.decode() for tick in ticks]))
"""


@dataclass(frozen=True)
class Service:
    """A Celery service that a host runs: its unit and what systemd knows of it."""

    host: str
    unit: str
    state: str
    enabled: bool
    pid: int
    user: str
    started: int

    @property
    def environment(self) -> str:
        """The environment, from the unit's name; where that was the user's choice, from the account."""
        named = re.match("celery-([a-z0-9_]+)-", self.unit)
        return named[1] if named else self.user

    @property
    def name(self) -> str:
        """The worker's name, or beat."""
        return self.unit.removesuffix(".service").split("-", 2)[2]


def on_host(host: str, *command: str, user: str = "root", stdin: str = "") -> str:
    """Return what a command prints on a host; an exit status other than 0 raises AssertionError."""
    done = subprocess.run(
        command_on(host, command, user),
        input=stdin,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    if done.returncode != 0:
        said = done.stdout + done.stderr
        raise AssertionError(f"{' '.join(command)} on {host}: exit status {done.returncode}\n{said}")
    return done.stdout


def services(host: str) -> list[Service]:
    """Return all Celery services that systemd of the host has loaded, without what fails while one keeps crashing."""
    properties = "Id,ActiveState,SubState,UnitFileState,MainPID,User,ExecMainStartTimestampMonotonic"
    shown = on_host(host, "systemctl", "show", "--all", f"--property={properties}", "celery*.service")
    found = []
    for block in shown.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields and not fields["Id"].endswith("-failing.service"):
            found.append(
                Service(
                    host=host,
                    unit=fields["Id"],
                    state=f"{fields['ActiveState']} ({fields['SubState']})",
                    enabled=fields["UnitFileState"] == "enabled",
                    pid=int(fields["MainPID"]),
                    user=fields["User"],
                    started=int(fields["ExecMainStartTimestampMonotonic"]),
                )
            )
    return sorted(found, key=lambda service: service.unit)


def service(host: str, unit: str) -> Service:
    """Return one service of a host, which must exist."""
    return next(found for found in services(host) if found.unit == f"{unit}.service")


def again(found: Service) -> Service:
    """Return a service as it is now."""
    return all_again([found])[0]


def all_again(found: Sequence[Service]) -> list[Service]:
    """Return services as they are now, with one look at each host."""
    current = {(one.host, one.unit): one for host in {one.host for one in found} for one in services(host)}
    return [current[one.host, one.unit] for one in found]


def wait_for_new_process(old: Service, seconds: float = 30) -> Service:
    """Return a service when it is running with another process than before; AssertionError after so many seconds."""
    return wait_for_new_processes([old], seconds)[0]


def wait_for_new_processes(old: Sequence[Service], seconds: float = 30) -> list[Service]:
    """Return services when each is running with another process than before; AssertionError after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        new = all_again(old)
        away = [one for one, was in zip(new, old, strict=True) if one.state != "active (running)" or one.pid == was.pid]
        if not away:
            return new
        assert time.monotonic() < until, f"did not come back within {seconds} s: {away}"
        time.sleep(0.3)


def owners(service: Service) -> set[str]:
    """Return the users that own the processes of a service."""
    pids = on_host(service.host, "cat", f"/sys/fs/cgroup/system.slice/{service.unit}/cgroup.procs").split()
    return set(on_host(service.host, "ps", "--no-headers", "-o", "user:32", "-p", ",".join(pids)).split())


def environ(service: Service) -> dict[str, str]:
    """Return the environment variables of a service's main process."""
    entries = on_host(service.host, "cat", f"/proc/{service.pid}/environ").split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def python(service: Service, script: str, *arguments: str) -> Any:
    """Run a script with the interpreter, the user and the variables of a service; return the JSON that it prints."""
    variables = environ(service)
    interpreter = variables["CELERY_BIN"].removesuffix("celery") + "python"
    passed = [f"{name}={variables[name]}" for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")]
    printed = on_host(service.host, "env", *passed, interpreter, "-", *arguments, user=service.user, stdin=script)
    return json.loads(printed)


def task(service: Service, queue: str, name: str, *arguments: Any) -> Any:
    """Send a task of the sample project to a queue of the service's environment; return its result."""
    return python(service, TASK, f"meta_edc.tasks.{name}", queue, json.dumps(arguments))


def whoami(service: Service, queue: str, count: int = 1) -> list[dict[str, Any]]:
    """Send tasks to a queue of the environment that a service belongs to; return what the workers report."""
    reports: list[dict[str, Any]] = python(service, ASK, queue, str(count))
    return reports


def whoami_of(service: Service, queue: str, nodes: Sequence[str], seconds: float = 30) -> dict[str, dict[str, Any]]:
    """Send tasks to a queue until each of the nodes has reported; return one report for each node."""
    until = time.monotonic() + seconds
    reports: dict[str, dict[str, Any]] = {}
    while set(nodes) - set(reports) and time.monotonic() < until:
        reports.update({report["node"]: report for report in whoami(service, queue, 8)})
    return reports


def queues(service: Service, nodes: Iterable[str], seconds: float = 30) -> dict[str, list[str]]:
    """Ask all nodes of the service's environment for the queues they consume, until each of ``nodes`` has answered."""
    until = time.monotonic() + seconds
    while True:
        answer: dict[str, list[str]] = python(service, QUEUES)
        if set(nodes) <= answer.keys() or time.monotonic() > until:
            return answer


def ticks(service: Service) -> int:
    """Return how often the periodic task of the service's environment has run."""
    return len(tick_senders(service))


def tick_senders(service: Service) -> list[str]:
    """Return for each run of the environment's periodic task which process sent it, as ``gen<pid>@<host>``."""
    senders: list[str] = python(service, TICKS, f"{service.environment}:ticks")
    return senders


def denied(host: str, *command: str, user: str) -> bool:
    """Return whether a command fails for a user because of missing permissions."""
    done = subprocess.run(
        command_on(host, command, user), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.returncode != 0 and "denied" in (done.stdout + done.stderr).lower()


def files(host: str) -> str:
    """Return all files of a host where configuration and data live: path, owner, mode, size and time of change.

    Of the state of a service only path, owner and mode of its directory: beat writes its schedule, a broker its
    messages and systemd the times of its timers whenever they like. Of installed packages only their directory.
    """
    shape = "%p %u:%g %m %s %T@\n"
    roots = ("/etc", "/home", "/opt", "/srv", "/usr/lib/systemd", "/usr/local", "/var/lib")
    packages = ("(", "-name", "site-packages", "-o", "-path", "/var/lib/dpkg/info", ")", "-prune")
    found = sorted(on_host(host, "find", *roots, "-ignore_readdir_race", "-printf", shape, *packages).splitlines())
    state = "/var/lib/(?:celery[^/ ]*|rabbitmq|redis[^/ ]*|systemd/timers)"
    lasting = [line for line in found if not re.match(f"{state}/", line)]
    return "\n".join(re.sub(f"^({state} .*) [^ ]+ [^ ]+$", r"\1", line) for line in lasting)
