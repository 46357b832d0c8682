# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare all set-ups, print the table and write it into docs/reliability.md."""

from __future__ import annotations

import re
import subprocess
import sys
import time

from tests.bench.load import HOST
from tests.bench.setups import INVENTORY, SETUPS, installed
from tests.bench.trials import trials
from tests.fleet import on_host
from tests.hosts.boot import boot
from tests.runs import DEPLOY, ROOT

PAGE = ROOT / "docs" / "reliability.md"
COLUMNS = {
    "title": "set-up",
    "lost": "tasks lost in 5 restarts, of 100",
    "twice": "run twice",
    "seconds": "seconds until consuming again",
    "wait": "longest wait in a deploy, s",
    "killed": "nodes at work 30 s after kill -9 of one",
    "back": "it was back after, s",
    "killed tasks": "tasks lost by kill -9",
    "rebooted": "nodes at work after a reboot",
    "beat": "beat",
    "exposure": "exposure",
}


def main() -> int:
    """Run the comparison; return the exit status."""
    boot([f"{HOST}=bookworm", "broker1=bookworm"])
    deploy = ["ansible-playbook", str(ROOT / DEPLOY), "--inventory", str(INVENTORY)]
    subprocess.run(deploy, check=True)
    rows = []
    for setup in SETUPS:
        began = time.monotonic()
        with installed(setup):
            row = {"title": setup.title, **trials(setup)}
        rows.append("| " + " | ".join(row.get(key, "-") for key in COLUMNS) + " |")
        print(f"{rows[-1]}  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    table = "\n".join(["| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|", *rows])
    measured = f"{table}\n\nMeasured on {time.strftime('%Y-%m-%d')}, with {versions()}.\n"
    print(measured)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(r"(?s)(<!-- table -->\n).*(<!-- end -->)", rf"\1{measured}\2", page), encoding="utf-8")
    return 0


def versions() -> str:
    """Return the versions of what the figures depend on."""
    celery = on_host(HOST, "/home/live/edc/.venv/bin/celery", "--version").split()[0]
    shape = "--showformat=, ${Package} ${Version}"
    return f"Celery {celery}" + on_host(HOST, "dpkg-query", "--show", shape, "redis-server", "python3", "systemd")


if __name__ == "__main__":
    sys.exit(main())
