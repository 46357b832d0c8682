# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine that is several hosts of the inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def elsewhere(machine: str, groups: Collection[str], hosts: Iterable[tuple[str, Collection[str]]]) -> set[str]:
    """Return the groups that a machine is in under other names of the inventory, and not under this one.

    :param machine: what tells it from all others, empty if that is not known.
    :param groups: those that it is in under this name.
    :param hosts: machine and groups of each host.
    """
    return {group for other, own in hosts if other == machine != "" for group in own} - {*groups}
