# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a fleet report: the interface of service_facts and inspect, with something of every kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
OLD, NEW = "/srv/edc/releases/20261120-1702", "/srv/edc/releases/20261121-0930"

SENT = "7 sent, the last at {}"


def before(**ago: float) -> str:
    """Return a moment before now."""
    return (NOW - timedelta(**ago)).isoformat()


def service(environment: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return a service as service_facts does, a worker that runs."""
    kind = name if name in ("beat", "flower") else "worker"
    return {
        "environment": environment,
        "kind": kind,
        "name": name,
        "unit": f"celery-{environment}-{name}.service",
        "node": f"{name}@app1" if kind == "worker" else "",
        "queues": [],
        "pool": "prefork",
        "app": "edc.celery:app",
        "user": environment,
        "directory": "/srv/edc/current",
        "state": "active",
        "substate": "running",
        "enabled": True,
        "since": before(hours=5),
        "pid": 4711,
        "memory": 123 * 2**20,
        "restarts": 0,
        "crashing": False,
        "status": "connected to redis://:**@broker1:6379/1; 0 running, 0 reserved, 118 in total",
        "release": NEW,
        "current": NEW,
        "stale": [],
        **changes,
    }


def down(state: str = "inactive", substate: str = "dead") -> dict[str, Any]:
    """Return the changes to a service that does not run."""
    return {"state": state, "substate": substate, "pid": 0, "memory": None, "status": "", "release": ""}


def worker(of: dict[str, Any], running: int = 0, **changes: Any) -> dict[str, Any]:
    """Return what inspect says of a worker that answers."""
    tasks = [{"id": str(index), "name": "edc.report", "seconds": 3.5} for index in range(running)]
    named = {key: of[key] for key in ("unit", "environment", "node", "pool")}
    answer = {"answers": True, "queues": of["queues"] or ["celery"], "active": tasks, "concurrency": 8}
    return {**named, **answer, **changes}


def generation(run: str, release: str = "", unfinished: bool = False) -> dict[str, Any]:
    """Return a generation as the module of that name lists it."""
    return {"run": run, "release": release, "undoes": "", "differs": True, "unfinished": unfinished}


def report(host: str, *services: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what is known of a host on which all is as it should be."""
    return {
        "host": host,
        "machine": "",
        "unreachable": "",
        "looked": True,
        "now": "",
        "groups": list(dict.fromkeys(service["environment"] for service in services)),
        "wanted": [{**service, "state": "started"} for service in services],
        "services": list(services),
        "outdated": [],
        "workers": [worker(service) for service in services if service["kind"] == "worker" and service["pid"]],
        "queues": {service["environment"]: {"celery": 0} for service in services},
        "generations": {},
        "unread": [],
        "problems": [],
        "nodes": [{"environment": service["environment"], "node": service["node"]} for service in services],
        "others": [],
        **changes,
    }


def fleet() -> list[dict[str, Any]]:
    """Return a fleet of two environments with something of every kind."""
    w1 = service("live", "w1")
    video = service("live", "video", queues=["video", "thumbs"], memory=1300 * 2**20, pid=4712, since=before(days=3))
    beat = service("live", "beat", memory=61 * 2**20, pid=4713, status=f"scheduling; {SENT.format(before(seconds=4))}")
    flower = service("live", "flower", memory=88 * 2**20, pid=4714)
    failed = service("live", "reports", queues=["reports"], since=before(minutes=7), **down("failed", "failed"))
    old = service("live", "w1", release=OLD, stale=["release", "code"], pid=812, since=before(days=1, hours=2))
    uat = service("uat", "w1", pid=915, since=before(seconds=40), memory=117 * 2**20, stale=["configuration"])
    silent = service("uat", "slow", queues=["slow"], pid=916, memory=140 * 2**20)
    broken = service("uat", "mail", queues=["mail"], pid=917, status="broker unreachable since 09:53:18; 1 running")
    stopped = service("uat", "nightly", queues=["nightly"], **down(), since="")
    left = service("live", "w1", release=OLD, current=OLD, pid=333, since=before(days=40))
    kept = [generation("20261121T093000Z", OLD), generation("20261119T080112Z")]
    lengths = {"celery": 12, "video": 230, "thumbs": 0, "reports": 41}
    return [
        report(
            "app1",
            w1,
            video,
            beat,
            flower,
            failed,
            workers=[worker(w1, 2), worker(video, 8)],
            queues={"live": lengths},
            generations={"live": kept},
        ),
        report(
            "app2",
            old,
            uat,
            silent,
            broken,
            stopped,
            wanted=[
                *({**one, "state": "started"} for one in (old, uat, silent, broken)),
                {**stopped, "state": "stopped"},
                {**service("uat", "beat"), "state": "started"},
            ],
            outdated=[uat["unit"]],
            workers=[worker(old, 8), worker(uat, 1), worker(silent, answers=False), worker(broken, answers=False)],
            queues={"live": {"celery": 12}, "uat": {"celery": 3, "slow": None, "mail": None}},
            generations={"live": kept[:1], "uat": [generation("20261121T093000Z")]},
        ),
        report("app3", groups=["live"], unreachable="Failed to connect to the host via ssh: No route to host"),
        report("app4", left, groups=[], wanted=[], workers=[worker(left)]),
    ]
