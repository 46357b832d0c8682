# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.inventory import Inventory
from tests.runs import ROOT

SOURCE = ROOT / "molecule" / "default" / "inventory"
ENVIRONMENTS = ("live", "uat", "debug")
WORKERS = [
    {"name": f"w{number}", "queues": [f"queue{number}"], "pool": "solo", "overlap": True} for number in range(1, 6)
]


def inventory(directory: Path, hosts: dict[str, str], services: dict[str, Any]) -> Inventory:
    """Return the default scenario's inventory with other hosts and other services.

    :param hosts: the host of each environment.
    :param services: what each environment runs.
    """
    found = Inventory(directory, SOURCE)
    lines = [line for name, host in hosts.items() for line in (f"[{name}]", host)]
    (directory / "hosts.ini").write_text("\n".join([*lines, "[brokers]", "broker1", ""]), encoding="utf-8")
    for name in ENVIRONMENTS:
        old = found.environment(name)
        found.write(name, {**{key: old[key] for key in old.keys() - {"workers", "beat", "flower"}}, **services})
    names = yaml.safe_dump({"celery_environments": list(hosts)})
    (directory / "group_vars" / "all.yml").write_text(names, encoding="utf-8")
    return found


def small(directory: Path) -> Inventory:
    """Return an inventory of one host with one worker, whose queue no other inventory has."""
    return inventory(directory, {"live": "app2"}, {"workers": [{**WORKERS[0], "queues": ["alone"]}]})


def large(directory: Path) -> Inventory:
    """Return an inventory of one host with three environments of five workers, a beat and a Flower."""
    found = inventory(directory, dict.fromkeys(ENVIRONMENTS, "app1"), {"workers": WORKERS, "beat": {"host": "app1"}})
    for number, name in enumerate(ENVIRONMENTS):
        flower = {"host": "app1", "port": 5560 + number, "basic_auth": [f"ann:a-password-for-{name}"]}
        found.write(name, {**found.environment(name), "flower": flower})
    return found


def change(found: Inventory, number: int) -> None:
    """Give one worker of an inventory another log level than before."""
    environment = found.environment("live")
    first, *others = environment["workers"]
    level = ("INFO", "WARNING")[number % 2]
    found.write("live", {**environment, "workers": [{**first, "log_level": level}, *others]})
