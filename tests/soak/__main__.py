# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the soak on hosts of its own, print the table and write it into docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time

from tests.fleet import on_host
from tests.hosts.boot import boot
from tests.runs import DEPLOY, ROOT, command
from tests.soak.draw import Shape, draw
from tests.soak.field import BROKER, Field
from tests.soak.ledger import rows, table
from tests.soak.run import HOSTS, Soak, lanes_of, say

PAGE = ROOT / "docs" / "reliability.md"
ENVIRONMENTS = ["live", "uat", "debug"]
OUTAGE = 60.0
SHAPE = Shape()
# Above the longest task and the time that a worker may have had it before, lest Redis gives it to another one.
VISIBILITY = 40
OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "visibility_timeout": VISIBILITY,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 10,
}


def main() -> int:
    """Run the soak; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seed", type=seed, default="", help="that of an earlier run")
    parser.add_argument("--faults", type=int, default=SHAPE.faults, help="how many")
    chosen = parser.parse_args()
    say(f"seed {chosen.seed}")
    os.environ["MOLECULE_SCENARIO_DIRECTORY"] = str(ROOT / "molecule" / "soak")
    variables = {"broker_options": OPTIONS, "celery_environments": ENVIRONMENTS}
    boot([f"{HOSTS[0]}=bookworm", f"{HOSTS[1]}=trixie", f"{BROKER}=bookworm"])
    for words in (command(playbook=DEPLOY, variables=variables), command(variables=variables)):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    lanes = lanes_of(ENVIRONMENTS)
    began = time.monotonic()
    soak = Soak(Field(lanes, variables, OUTAGE))
    soak.run(draw(chosen.seed, lanes, Shape(faults=chosen.faults, tasks=SHAPE.tasks * chosen.faults // SHAPE.faults)))
    found = rows(soak.batches)
    bad = [*soak.troubles, *(text for row in found for text in row.missed())]
    minutes = round((time.monotonic() - began) / 60)
    how = f"`make soak SEED={chosen.seed}` in {minutes} minutes, on {time.strftime('%Y-%m-%d')}"
    measured = f"{table(found)}\n\nMeasured with {how}, with {versions()}.\n"
    print(measured)
    if not bad and chosen.faults >= SHAPE.faults:
        page = PAGE.read_text(encoding="utf-8")
        shown = re.sub(r"(?s)(<!-- soak -->\n).*?(<!-- end of soak -->)", rf"\1{measured}\2", page)
        PAGE.write_text(shown, encoding="utf-8")
    print("\n".join(bad) or "every promise was kept")
    return 1 if bad else 0


def seed(text: str) -> int:
    """Return the seed that somebody has named, or another one each time."""
    return int(text) if text else random.randrange(10**6)


def versions() -> str:
    """Return the versions of what the figures depend on."""
    celery = on_host(HOSTS[0], "/home/live/edc/.venv/bin/celery", "--version").split()[0]
    systemd = [on_host(host, "dpkg-query", "--show", "--showformat=${Version}", "systemd") for host in HOSTS]
    brokers = on_host(
        BROKER, "dpkg-query", "--show", "--showformat=, ${Package} ${Version}", "redis-server", "rabbitmq-server"
    )
    return f"Celery {celery}, systemd {' and '.join(systemd)}{brokers}"


if __name__ == "__main__":
    sys.exit(main())
