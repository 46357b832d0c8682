# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure all playbooks in turn, several rounds, and write the medians into docs/performance.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.fleet import on_host
from tests.hosts.boot import boot
from tests.inventory import Inventory
from tests.runs import DEPLOY, ROOT, SITE, command
from tests.speed.chart import chart
from tests.speed.fleet import SOURCE, change, large, small

ROUNDS = 5
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
BUILTIN = "tests/speed/builtin.yml"
PING = "- {hosts: app1, gather_facts: false, tasks: [{ansible.builtin.ping: }]}\n"


@dataclass
class Measure:
    """A command that is timed, after something that is not."""

    title: str
    command: Callable[[int], list[str]]
    before: Callable[[int], None] = lambda _number: None
    seconds: list[float] = field(default_factory=list)

    def run(self, number: int) -> None:
        """Run it once and note the seconds."""
        self.before(number)
        began = time.monotonic()
        done = subprocess.run(
            self.command(number), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        self.seconds.append(time.monotonic() - began)
        if done.returncode != 0:
            raise SystemExit(f"{self.title} failed:\n{done.stdout}")


def measures(directory: Path) -> list[Measure]:
    """Return what is measured; the first one is the unit of all others."""
    (directory / "ping.yml").write_text(PING, encoding="utf-8")
    one, many = small(directory / "small"), large(directory / "large")
    ping = ["ansible-playbook", str(directory / "ping.yml"), "--inventory", str(many.directory)]

    def play(playbook: str, inventory: Inventory, *options: str) -> Callable[[int], list[str]]:
        return lambda _number: command(*options, playbook=playbook, inventory=inventory)

    def builtin(number: int) -> list[str]:
        return command(playbook=BUILTIN, inventory=many, variables={"level": ("INFO", "WARNING")[number % 2]})

    limit = ("-l", "app1")
    return [
        Measure("ping", lambda _number: ping),
        Measure("no change, one service", play(SITE, one, "-l", "app2")),
        Measure("no change, 21 services", play(SITE, many, *limit)),
        Measure("no change, builtin modules", play(BUILTIN, many)),
        Measure("one worker of 21 changed", play(SITE, many, *limit), lambda number: change(many, number)),
        Measure("one of 21 changed, builtin modules", builtin),
        Measure("restart, 21 services", play("playbooks/restart.yml", many, *limit)),
        Measure("verify, 21 services", play("playbooks/verify.yml", many, *limit)),
        Measure("status, 21 services", play("playbooks/status.yml", many, *limit)),
    ]


def main() -> int:
    """Measure and write; return the exit status."""
    os.environ["ANSIBLE_PIPELINING"] = "1"
    boot(["app1=bookworm", "app2=bookworm", "broker1=bookworm"])
    subprocess.run(["ansible-playbook", str(ROOT / DEPLOY), "--inventory", str(SOURCE)], check=True)
    with tempfile.TemporaryDirectory() as directory:
        found = measures(Path(directory))
        first = {one.title: one for one in found}
        for title in ("no change, one service", "no change, 21 services", "no change, builtin modules"):
            began = time.monotonic()
            first[title].run(0)
            print(f"first run of {title}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        for one in found:
            one.seconds.clear()
        for number in range(ROUNDS):
            for one in found:
                one.run(number + 1)
    write(found)
    return 0


def write(found: list[Measure]) -> None:
    """Print the table, and write it and the chart."""
    ping = median(found[0].seconds)
    rows = [
        f"| {one.title} | {median(one.seconds):.1f} | {min(one.seconds):.1f} to {max(one.seconds):.1f} | "
        f"{median(one.seconds) / ping:.1f} |"
        for one in found
    ]
    head = ["| playbook | median, s | from and to, s | pings |", "|---|---|---|---|"]
    measured = f"Measured on {time.strftime('%Y-%m-%d')}, {ROUNDS} rounds, with {versions()}."
    table = "\n".join([*head, *rows, "", measured, ""])
    print(table)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(r"(?s)(<!-- table -->\n).*(<!-- end -->)", rf"\1{table}\2", page), encoding="utf-8")
    bars = {one.title: median(one.seconds) for one in found}
    PICTURE.write_text(chart("Seconds of a playbook", bars, "s"), encoding="utf-8")


def versions() -> str:
    """Return the versions that matter for the times."""
    said = subprocess.run(["ansible", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    core = said.splitlines()[0]
    systemd = on_host("app1", "systemctl", "--version").split("(")[1].split(")")[0]
    return f"{core}, systemd {systemd} and {os.cpu_count()} processors for controller and hosts together"


if __name__ == "__main__":
    sys.exit(main())
