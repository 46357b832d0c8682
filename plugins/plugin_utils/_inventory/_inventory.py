# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says, seen from one host of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._environments import environments_of_run


@dataclass(frozen=True)
class Inventory:
    """The environments and what surrounds them.

    :param names: all environments, the value of ``celery_environments``.
    :param variables: each environment whose group the host is in, and the value of its ``celery_<name>`` variable, None
        where it has none. Values are made of their templates when they are read, and so may be read where they are
        needed only: those of another environment may want a vault password that is not there.
    :param groups: the inventory's groups and their hosts.
    :param host: the name of the host.
    :param limit: the text of ``--limit``, empty when there is none.
    :param hostvars: the variables of all hosts.
    """

    names: Sequence[Any]
    variables: Mapping[str, Any]
    groups: Mapping[str, Sequence[str]]
    host: str
    limit: str = ""
    hostvars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def run(self) -> list[str]:
        """The environments of the host that the run converges."""
        return environments_of_run(self.variables, self.limit)
