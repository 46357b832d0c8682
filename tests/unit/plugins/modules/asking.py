# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project with a real worker, and what stands for systemd-run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .conftest import Manager

APP = """
import json, os, sys, time, uuid
from datetime import datetime, timedelta
from pathlib import Path
from celery import Celery
from celery.signals import before_task_publish
from celery.worker import request
from kombu import Exchange, Queue
from kombu.common import Broadcast
from kombu.transport import filesystem, virtual

def put(self, queue, payload, **kwargs):
    # Kombu's own lets a reader see a message that is half written.
    name = f"{time.monotonic_ns()}_{uuid.uuid4()}.{queue}.msg"
    Path(self.data_folder_out, f"{name}.new").write_text(json.dumps(payload))
    Path(self.data_folder_out, f"{name}.new").rename(Path(self.data_folder_out, name))

filesystem.Channel._put = put
print("what an application prints at its import")
HERE = Path(__file__).parent
if "BROKEN" in os.environ:
    raise RuntimeError("no settings for " + os.environ["BROKER_PASSWORD"])
if "SLOW" in os.environ:
    time.sleep(float(os.environ["SLOW"]))
if "AHEAD" in os.environ:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=float(os.environ["AHEAD"]))
    request.datetime = Ahead
if "NO_FANOUT" in os.environ:
    filesystem.Transport.implements = virtual.Transport.implements
app = Celery("proj", broker=os.environ.get("BROKER", "filesystem://"))
app.conf.update(
    worker_enable_remote_control="DEAF" not in os.environ,
    broker_transport_options={
        "data_folder_in": str(HERE / "queues"),
        "data_folder_out": str(HERE / "queues"),
        "control_folder": str(HERE / "control"),
        "polling_interval": 0.02,
    },
    task_routes={"*": {"queue": "routed"}},
)
def strict(name, args, kwargs, options, task=None, **_):
    if not name.startswith("proj."):
        raise ValueError(f"no queue for {name}")
    return {"queue": "routed"}

def refusing(name, args, kwargs, options, task=None, **_):
    return {"queue": "routed", "tenant": kwargs["tenant"]}

ELSEWHERE = {"queue": "elsewhere", "exchange": "elsewhere", "routing_key": "elsewhere"}
ROUTES = {
    "catching": {"*": ELSEWHERE},
    "redirecting": (lambda *_, **__: ELSEWHERE,),
    "strict": (strict,),
    "refusing": (refusing,),
}
if "ROUTER" in os.environ:
    app.conf.task_routes = ROUTES[os.environ["ROUTER"]]
if "PATTERNS" in os.environ:
    topic, fanout = Exchange("mails", "topic"), Exchange("all", "fanout")
    app.conf.task_queues = [
        Queue("long.name.of.mail", topic, routing_key="mail.#", alias="mail"),
        Queue("sms", topic, routing_key="*.sms", max_priority=5),
        Queue("all", fanout),
    ]
    app.conf.update(task_default_queue="sms", task_default_exchange_type="topic", task_create_missing_queues=False)
if "CONF" in os.environ:
    app.conf.update(**dict(item.split("=") for item in os.environ["CONF"].split()))
    app.conf.accept_content = [app.conf.accept_content] if isinstance(app.conf.accept_content, str) else ["json"]
if "EAGER" in os.environ:
    app.conf.update(task_always_eager=True, task_protocol=1)
if "SIGNALS" in os.environ:
    @before_task_publish.connect
    def refuse(**_):
        raise RuntimeError("nothing is sent today")
    @before_task_publish.connect
    def change(headers=None, properties=None, **_):
        headers["task"] = "proj.nowhere"
        properties["expiration"] = 0
if "REFUSES" in os.environ:
    class Refusing(app.Task):
        def __call__(self, *_, **__):
            raise RuntimeError("without a tenant")
    app.Task, app.conf.task_routes = Refusing, None
if "QUEUES" in os.environ:
    app.conf.update(worker_direct=True, task_queues=[Queue("a"), Queue("b"), Queue("c"), Broadcast("news")])

@app.task
def add(x, y):
    return x + y

@app.task(ignore_result=True)
def silent():
    print("silent")

@app.task
def fail():
    raise ValueError("wrong")

@app.task
def nap(seconds):
    time.sleep(seconds)
"""
RUNNER = """
import os, re, sys
options, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
with open(sys.argv[0] + ".calls", "a") as calls:
    print(*options, file=calls)
found = dict(option[2:].split("=", 1) for option in options if "=" in option)
text = open([option for option in options if "EnvironmentFile" in option][0].split("=", 2)[2]).read()
variables = dict(re.findall(r'(?m)^(\\w+)="(.*)"$', text))
os.chdir(found["working-directory"])
os.execve(command[0], command, {**os.environ, **variables})
"""


class Project:
    """An application, the configuration of its services and its running worker."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "proj.py").write_text(APP)
        for name in ("queues", "control", "bin"):
            (directory / name).mkdir()
        (directory / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (directory / "bin/python").chmod(0o755)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it consumes."""
        log = self.directory / f"{name}.log"
        command = [str(Path(sys.executable).with_name("celery")), "--app=proj:app", "worker", f"--hostname={name}@%h"]
        with log.open("w") as output:
            self.workers.append(
                subprocess.Popen(
                    [*command, "--loglevel=INFO", "--without-gossip", *options],
                    cwd=self.directory,
                    env={**os.environ, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            )
        until = time.monotonic() + 60
        while " ready." not in log.read_text():
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        return self.workers[-1]

    def log(self, name: str) -> str:
        """Return what a worker has written."""
        return (self.directory / f"{name}.log").read_text()

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def received(self, task: str) -> int:
        """Return how often the workers have received a task."""
        lines = [line for log in self.directory.glob("*.log") for line in log.read_text().splitlines()]
        return sum(f"Task {task}[" in line and line.endswith(" received") for line in lines)

    def service(self, manager: Manager, name: str, options: str = "", kind: str = "worker", **variables: str) -> str:
        """Make a host have a service of the project that runs; returns the unit."""
        unit = f"celery-live-{name}.service"
        runner = manager.program("systemd-run")
        runner.write_text(f"#!{sys.executable} -IS\n{RUNNER}")
        runner.chmod(0o755)
        env_file = self.directory / f"{name}.conf"
        values = {
            "CELERY_BIN": f"{self.directory}/bin/celery",
            "CELERY_APP": "proj:app",
            "CELERYD_NODES": f"{name}@%h",
            "CELERYD_OPTS": options,
            "BROKER_PASSWORD": "hunter2",
            **variables,
        }
        env_file.write_text("".join(f'{key}="{value}"\n' for key, value in values.items()))
        manager.file(unit, f"# Managed by stalk.celery: live/{kind}/{name}.\n")
        manager.running(unit, **self.properties(env_file))
        return unit

    def properties(self, env_file: Path) -> dict[str, Any]:
        since = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return {
            "MainPID": str(os.getpid()),
            "User": "live",
            "Group": "live",
            "SupplementaryGroups": "redis",
            "WorkingDirectory": str(self.directory),
            "EnvironmentFiles": f"{env_file} (ignore_errors=no)",
            "since": since,
        }
