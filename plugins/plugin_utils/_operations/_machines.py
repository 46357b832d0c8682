# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the hosts that were asked are the machines that they should be."""

from __future__ import annotations

from collections.abc import Mapping


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
