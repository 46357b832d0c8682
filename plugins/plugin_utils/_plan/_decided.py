# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided of the inventory, within a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.stalk.celery.plugins.plugin_utils._core import evaluated
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory
from jinja2 import UndefinedError

_INVENTORY = (
    "celery_environments | default([])",
    "celery_environments | default([]) | intersect(group_names)",
    "lookup",
    "omit",
    "groups",
    "inventory_hostname",
    "ansible_limit | default('')",
    "hostvars",
)
_MISSING = "no variable has this value: \0"


@dataclass(frozen=True)
class Variables(Mapping[str, Any]):
    """The variables of environments, each of which is looked up when it is read, and fails alone.

    :param names: the environments.
    :param lookup: the function of Jinja, which reads a variable as the task sees it.
    :param omit: what Jinja calls ``omit``: what has this value counts as not written.
    """

    names: Sequence[str]
    lookup: Callable[..., Any]
    omit: object
    _values: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Return the value of celery_<name>, None where it has none. Raise UndefinedError if its template fails."""
        if name not in self.names:
            raise KeyError(name)
        if name not in self._values:
            value = self.lookup("ansible.builtin.vars", f"celery_{name}", default=_MISSING)
            self._values[name] = None if value == _MISSING else self._given(value)
        return self._values[name]

    def _given(self, value: Any) -> Any:
        """Return a value without what is omitted in it; as it is where a template fails, which the check tells."""
        with suppress(AnsibleError, UndefinedError):
            return self._without_omitted(value)
        return value

    def _without_omitted(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            items = {key: value[key] for key in value}
            return {key: self._without_omitted(item) for key, item in items.items() if item is not self.omit}
        if isinstance(value, (list, tuple)):
            return [self._without_omitted(item) for item in value if item is not self.omit]
        return None if value is self.omit else value

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

    def call(names: Sequence[Any], own: Sequence[str], lookup: Callable[..., Any], omit: object, *others: Any) -> Any:
        return decide(Inventory(names, Variables(own, lookup, omit), *others))

    return evaluated(action, f"decide({', '.join(_INVENTORY)})", decide=call)
