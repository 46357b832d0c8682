# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts say that they have, and the environments of all of them. A host that says something odd is a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import (
    ShapeError,
    fields,
    flag,
    items,
    known,
    name,
    one_of,
    string,
    text,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._accepted import accepted
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._environments import (
    Draft,
    Environment,
    draft,
    environments,
)
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._files import named
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._keys import Secret


@dataclass(frozen=True)
class Adopted:
    """The environments of a fleet, their secrets by the names of variables, and what else is to be said."""

    environments: list[Environment]
    secrets: dict[str, Secret]
    lines: list[str]

    @property
    def summary(self) -> str:
        """One line for people."""
        if not self.environments:
            return "No Celery was found that could be adopted."
        hosts = {host for one in self.environments for host in one.hosts}
        return f"{_count(self.environments, 'environment')} on {_count(hosts, 'host')} can be adopted."


def _count(things: Any, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ShapeError("a text")
    return value


def _pair(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) != len(("name", "value")):
        raise ShapeError("a pair")
    return [_text(part) for part in value]


def _variables(value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise ShapeError("a dict")
    reader = fields({"value": _text, "secret": flag})
    return {name(key): reader(one) for key, one in value.items()}


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        raise ShapeError("a number")
    return value


_SERVICE = fields(
    {
        "kind": one_of(*KINDS),
        "manager": one_of("systemd", "supervisor", "init", ""),
        **dict.fromkeys(("name", "source", "text", "virtualenv", "group"), string),
        **dict.fromkeys(("user", "directory"), name),
        **dict.fromkeys(("command", "sourced", "write_paths"), items(string)),
        **dict.fromkeys(("options", "settings"), items(_pair)),
        **dict.fromkeys(("is_alone", "running", "enabled"), flag),
        "variables": _variables,
        "nice": known(_integer, 0),
    }
)
_FOUND = fields({"hostname": name, "lines": items(string), "services": items(_SERVICE)})


def adopted(results: Mapping[str, Any], unit_names: bool) -> Adopted:
    """Return what can be adopted.

    :param results: host -> the result of module foreign_info, also one that failed.
    :param unit_names: whether services keep the names of their units where they can.
    """
    drafts: list[Draft] = []
    lines: list[str] = []
    for host, result in results.items():
        try:
            found = _found(result)
        except ShapeError as error:
            lines.append(f"{host}: {_failure(result) or f'its answer cannot be used, since {error}'}")
            continue
        lines += [f"{host}: {line}" for line in found["lines"]]
        if not found["services"]:
            lines.append(f"{host}: no Celery was found that is not of this collection")
        for service in found["services"]:
            drafts += draft(host, found["hostname"], service, unit_names)
    good, refused = accepted(environments(drafts, list(results)))
    return Adopted(good, named(good), [*lines, *refused])


def _found(result: Any) -> Any:
    if not isinstance(result, Mapping) or result.get("unreachable") or result.get("failed"):
        raise ShapeError("there")
    return _FOUND(dict(result))


def _failure(result: Any) -> str:
    if not isinstance(result, Mapping) or not (result.get("unreachable") or result.get("failed")):
        return ""
    how = "cannot be reached" if result.get("unreachable") else "could not be looked at"
    return f"{how}: {text(result.get('msg', ''))}"
