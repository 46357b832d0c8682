# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that consume the queues of an environment and belong to no host of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Told = Mapping[str, Any]


def unknown_nodes(told: Sequence[Told], absent: Iterable[str] = ()) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the environment, the name and the queues of each node that no host has, each once.

    :param told: what hosts told: their own ``nodes``, and as ``others`` those that consume the same queues.
    :param absent: the environments of which a host told nothing; nobody knows whose an unknown node is there.
    """
    known = {(own["environment"], own["node"]) for host in told for own in host.get("nodes", ())}
    found = {
        (other["environment"], other["node"]): tuple(other["queues"])
        for host in told
        for other in host.get("others", ())
    }
    return [
        (environment, node, queues)
        for (environment, node), queues in sorted(found.items())
        if (environment, node) not in known and environment not in {*absent}
    ]


def sentence(node: str, queues: Iterable[str]) -> str:
    """Return what is wrong with such a node."""
    return (
        f"the node {node} consumes {', '.join(queues)}, and no host of the inventory has it: stop it where it runs, or "
        "add its host to the inventory"
    )


def problems_of_nodes(
    told: Mapping[str, Told], groups: Mapping[str, Sequence[str]], environments: Sequence[str]
) -> list[str]:
    """Return a sentence for each unknown node.

    :param told: what each host told.
    :param groups: the inventory's groups and their hosts.
    :param environments: the environments of the run.
    """
    absent = [name for name in environments if {*groups.get(name, ())} - {*told}]
    return [f"{name}: {sentence(node, queues)}." for name, node, queues in unknown_nodes([*told.values()], absent)]
