# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided of the inventory, within a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._core import evaluated, without_omitted
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory

_INVENTORY = (
    "celery_environments | default([])",
    "celery_environments | default([]) | intersect(group_names)",
    "lookup",
    "groups",
    "inventory_hostname",
    "ansible_limit | default('')",
    "hostvars",
)
_MISSING = "no variable has this value: \0"


@dataclass(frozen=True)
class Variables(Mapping[str, Any]):
    """The variables of environments, each of which is looked up when it is read, and fails alone.

    What is omitted in one counts as not written.

    :param names: the environments.
    :param lookup: the function of Jinja, which reads a variable as the task sees it.
    """

    names: Sequence[str]
    lookup: Callable[..., Any]
    _values: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Return the value of celery_<name>, None where it has none. Raise UndefinedError if its template fails."""
        if name not in self.names:
            raise KeyError(name)
        if name not in self._values:
            value = self.lookup("ansible.builtin.vars", f"celery_{name}", default=_MISSING)
            self._values[name] = None if value == _MISSING else without_omitted(value)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        """Return whether there is a variable, without reading it."""
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self.names)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)


def decided(action: ActionBase, decide: Callable[[Inventory], Any]) -> Any:
    """Return what a function makes of the inventory, as plain data.

    It is called from within an expression of Jinja: there the variables of an environment become values when they are
    read, so that a template which fails, or a vaulted text without its password, counts only where it is needed.
    """

    def call(names: Sequence[Any], own: Sequence[str], lookup: Callable[..., Any], *others: Any) -> Any:
        return decide(Inventory(names, Variables(own, lookup), *others))

    return evaluated(action, f"decide({', '.join(_INVENTORY)})", decide=call)
