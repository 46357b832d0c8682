# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a fleet needs attention, and the command that fixes it."""

from __future__ import annotations

import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import groupby

from ansible_collections.stalk.celery.plugins.plugin_utils._status._fleet import (
    CRASHING,
    MISSING,
    NO_ANSWER,
    STOPPED,
    UNKNOWN,
    Report,
    Row,
)
from ansible_collections.stalk.celery.plugins.plugin_utils._status._nodes import sentence, unknown_nodes

_NAMED = 5  # hosts that a command names at most; for more it names the environment
_SITE, _RESTART, _VERIFY, _REMOVE, _ROLLBACK = "site", "restart", "verify", "remove", "rollback"
_TROUBLES = {  # the worst first: what is wrong -> the playbook that fixes it, or that says what is wrong
    "failed": _SITE,
    "crashes again and again": _RESTART,
    "not there": _SITE,
    "stopped, but should run": _SITE,
    "without broker": _VERIFY,
    "runs, but does not answer": _VERIFY,
    "still there, though the host left the group": _REMOVE,
    "not in the inventory": _SITE,
    "not configured as in the inventory": _SITE,
    "runs older code": _RESTART,
}
_STATES = {
    CRASHING: "crashes again and again",
    MISSING: "not there",
    STOPPED: "stopped, but should run",
    "no broker": "without broker",
    NO_ANSWER: "runs, but does not answer",
}
_ORPHAN = {"environment": "still there, though the host left the group", "service": "not in the inventory"}
_WITH_JOURNAL = {
    "failed": "failed ({journal})",
    "crashes again and again": "crashes again and again ({journal} says why); deploy code that works, then",
}
_NEWER_FILES = ("inventory", "configuration")


@dataclass(frozen=True)
class Item:
    """One thing to do: where and what, and the command that fixes it or says more."""

    environment: str
    where: str
    what: str
    command: str


def items_of(rows: Sequence[Row], reports: Sequence[Report], limited: bool = False) -> list[Item]:
    """Return what needs attention: first hosts, then services, those together that one command mends.

    :param rows: the services.
    :param reports: what is known of each host.
    :param limited: whether hosts may be missing, so that nobody knows whose an unknown node is.
    """
    found = sorted(((what, row) for row in rows for what in _troubles(row)), key=_order)
    return [
        *(item for report in reports for item in _of_host(report)),
        *_of_environments(reports, {row.environment for row in rows}, limited),
        *(
            _item(what, [row for _what, row in group])
            for (what, _environment), group in groupby(found, key=lambda pair: (pair[0], pair[1].environment))
        ),
    ]


def _order(trouble: tuple[str, Row]) -> tuple[int, str]:
    return list(_TROUBLES).index(trouble[0]), trouble[1].environment


def _troubles(row: Row) -> list[str]:
    """Return what is wrong with a service; what makes the rest irrelevant stands alone."""
    if not row.service or row.state == UNKNOWN:  # its host stands there with the reason
        return []
    if row.orphan:
        return [_ORPHAN[row.orphan]]
    newer_files = bool({*row.stale} & {*_NEWER_FILES})
    return [
        *[_STATES.get(row.state, "failed")] * row.bad,
        *["not configured as in the inventory"] * newer_files,
        *["runs older code"] * (bool(row.stale) and not newer_files),
    ]


def _item(what: str, rows: Sequence[Row]) -> Item:
    by_host = {host: list(group) for host, group in groupby(rows, key=lambda row: row.host)}
    where = "; ".join(f"{', '.join(row.service for row in group)} on {host}" for host, group in by_host.items())
    journal = f"journalctl -u {rows[0].unit} on {rows[0].host}"
    said = _WITH_JOURNAL.get(what, what).format(journal=journal)
    return Item(rows[0].environment, where, said, _command(_TROUBLES[what], rows[0].environment, list(by_host)))


def _command(playbook: str, environment: str, hosts: Sequence[str]) -> str:
    words = ["ansible-playbook", f"stalk.celery.{playbook}"]
    if playbook == _REMOVE:  # the hosts are not in the group
        return shlex.join([*words, "-l", ":".join(hosts), "-e", f"celery_remove_environments={environment}"])
    limit = ":".join([*hosts, f"&{environment}"]) if len(hosts) <= _NAMED else environment
    return shlex.join([*words, "-l", limit])


def _of_host(report: Report) -> list[Item]:
    host = report["host"]
    if report["unreachable"]:
        ping = shlex.join(["ansible", host, "-m", "ansible.builtin.ping"])
        return [Item("", host, f"cannot be reached: {report['unreachable']}", ping)]
    verify = shlex.join(["ansible-playbook", "stalk.celery.verify", "-l", host])
    return [Item("", host, problem, verify) for problem in report["problems"]]


def _of_environments(reports: Sequence[Report], environments: Container[str], limited: bool) -> list[Item]:
    """Return what holds for an environment on some of its hosts."""
    unfinished = {
        report["host"]: [name for name, kept in report["generations"].items() if kept and kept[0]["unfinished"]]
        for report in reports
    }
    absent = {name for report in reports if report["unreachable"] for name in report["groups"]}
    unread = {report["host"]: report["unread"] for report in reports}
    strange = [
        Item(name, "", sentence(node, queues), f"ansible-playbook stalk.celery.verify -l {name}")
        for name, node, queues in unknown_nodes(reports, absent)
        if name in environments and not limited
    ]
    return strange + [
        Item(environment, ", ".join(hosts), what, f"ansible-playbook stalk.celery.{playbook} -l {environment}")
        for what, playbook, found in (
            ("a rollback was not finished", _ROLLBACK, unfinished),
            ("not compared with the inventory: the broker's host did not return the password", _SITE, unread),
        )
        for environment in sorted({name for names in found.values() for name in names if name in environments})
        for hosts in [[host for host, names in found.items() if environment in names]]
    ]
