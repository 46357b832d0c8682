# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the inventory, and the machines that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._status._namesakes import elsewhere


def misleading(machines: Mapping[str, str], host: str) -> dict[str, str]:
    """Return the hosts whose answer is worth nothing, since another host of the inventory is the same machine.

    :param machines: what tells the machine that answered for each host from all others, empty for one that did not.
    :param host: the name of the host that asks. What answers for it is believed.
    :return: for each of them a sentence that says where it leads to.
    """
    return {
        name: f"{name} leads to {_where(others, host)}"
        for name, machine in machines.items()
        for others in [[other for other, same in machines.items() if same == machine and other != name]]
        if machine and name != host and others
    }


def _where(others: list[str], host: str) -> str:
    if host in others:
        return "this machine (ansible_connection: local?)"
    return f"the same machine as {', '.join(others)}"


def strays(
    found: Mapping[str, Any], groups: Mapping[str, Sequence[str]], host: str, answers: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return a sentence for each service that a host runs and the inventory does not ask for.

    :param found: what the module verify returned on the host; nothing of it may be there.
    :param groups: the inventory's groups and their hosts.
    :param answers: what it returned on each host of the run that has environments, this one or another.
    """
    in_groups = {name: [group for group, hosts in groups.items() if name in hosts] for name in (host, *answers)}
    others = [(str(answer.get("machine", "")), in_groups[name]) for name, answer in answers.items()]
    there = elsewhere(str(found.get("machine", "")), in_groups[host], others)
    return [one["problem"] for one in found.get("orphans", []) if one["environment"] not in there]
