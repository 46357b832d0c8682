# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration: four hosts, three environments, real tasks. ``make demo`` runs it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from tests.fleet import Service, owners, queues, services, ticks, whoami_of

HOSTS = {"app1": "bookworm", "app2": "trixie", "dev1": "bookworm", "broker1": "bookworm"}
INVENTORY = "inventories/demo"
COLUMNS = ("ENVIRONMENT", "HOST", "SERVICE", "STATE", "OWNER", "QUEUES", "RESULT OF A TASK", "RUN BY")
HINTS = """
Look inside:   make shell HOST=app1, then for example
               systemctl status 'celery-*'; celery-live inspect active; journalctl -u celery-live-w1 -f
Converge:      .venv/bin/python -m tests.hosts exec demo -- \\
               ansible-playbook playbooks/site.yml -i inventories/demo -l live
Take it down:  make demo-down
"""

Row = tuple[str, ...]


def main() -> int:
    """Run the whole demonstration; return the exit status."""
    began = time.monotonic()
    steps = (
        ("Hosts", hosts("up", "demo", *(f"{name}={suite}" for name, suite in HOSTS.items()))),
        ("The sample project, deployed on all hosts", playbook("tests/project/deploy.yml")),
        ("The environment live", playbook("playbooks/site.yml", "-l", "live")),
        ("The other environments", playbook("playbooks/site.yml", "-l", "uat,debug")),
        ("A task for every worker", hosts("exec", "demo", "--", "python", "-m", "tests.demo", "table")),
    )
    for title, command in steps:
        print(f"\n=== {title}: {' '.join(command[3:])}", flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            print(f"\nThe demonstration stopped at: {title}", file=sys.stderr)
            return 1
    print(f"{HINTS}\nAll of it took {time.monotonic() - began:.0f} s.")
    return 0


def hosts(*arguments: str) -> list[str]:
    """Return a command of the test hosts."""
    return [sys.executable, "-m", "tests.hosts", *arguments]


def playbook(path: str, *arguments: str) -> list[str]:
    """Return the command that runs a playbook on the hosts of the demonstration."""
    return hosts("exec", "demo", "--", "ansible-playbook", path, "-i", INVENTORY, *arguments)


def table(rows: Sequence[Row]) -> str:
    """Return rows as aligned text, with a header."""
    widths = [max(len(row[column]) for row in (COLUMNS, *rows)) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (COLUMNS, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def rows_of(environment: Sequence[Service]) -> list[Row]:
    """Return the rows of one environment: a task goes to every queue until every worker has run one."""
    workers = [f"{service.name}@{service.host}" for service in environment if service.name != "beat"]
    consumed = queues(environment[0], workers)
    reports = {
        node: report
        for queue in sorted({queue for names in consumed.values() for queue in names})
        for node, report in whoami_of(
            environment[0], queue, [node for node, names in consumed.items() if queue in names]
        ).items()
    }
    return [_row(service, consumed, reports) for service in environment]


def _row(service: Service, consumed: dict[str, list[str]], reports: dict[str, dict[str, str]]) -> Row:
    start = (service.environment, service.host, service.name, service.state, ",".join(sorted(owners(service))))
    if service.name == "beat":
        return (*start, "-", f"{ticks(service)} ticks", "-")
    node = f"{service.name}@{service.host}"
    report = reports.get(node)
    answer = f"whoami: {report['node']} in {report['environment']}, pid {report['pid']}" if report else "none"
    return (*start, ",".join(consumed.get(node, ["none"])), answer, report["user"] if report else "-")


def print_table() -> int:
    """Print the table; return 1 if a service is not active or did not run a task."""
    found = [service for host in HOSTS for service in services(host) if not service.unit.endswith(".target")]
    environments = sorted({service.environment for service in found}, key=["live", "uat", "debug"].index)
    rows = [
        row
        for environment in environments
        for row in rows_of([service for service in found if service.environment == environment])
    ]
    print(table(rows))
    sound = rows and all(row[3] == "active (running)" and row[6] not in {"none", "0 ticks"} for row in rows)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(print_table() if sys.argv[1:] == ["table"] else main())
