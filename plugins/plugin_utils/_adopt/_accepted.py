# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take out of adopted environments what the check of site.yml refuses, and say there what that was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._environments import Environment
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._keys import Secret
from ansible_collections.stalk.celery.plugins.plugin_utils._check._environments import problems_of_environments

_PLACE = re.compile(
    r"celery_(?P<environment>[a-z0-9_]+)"
    r"(?:\.(?:workers\[(?P<index>\d+)\]|workers (?P<name>[\w.-]+)|(?P<kind>beat|flower)))?"
    r"(?:[.:] ?(?P<key>[A-Za-z_]+)(?:\.(?P<part>[A-Za-z_]\w*)|\[(?P<place>\d+)\])?)?"
)
_SAME = re.compile(r"have the same (\w+) on this host|have their (log_file) in one directory")
_NEEDED = ("app", "directory", "virtualenv", "workers", "name", "host", "hosts")
_SECRET_KEYS = ("environment", "basic_auth", "oauth2_key", "oauth2_secret")


def accepted(environments: Sequence[Environment]) -> tuple[list[Environment], list[str]]:
    """Return the environments as the check takes them, and a line for each that it does not take at all."""
    left = list(environments)
    lines: list[str] = []
    while problem := _first_problem(left):
        found = _PLACE.match(problem)
        one = next((each for each in left if found and each.name == found["environment"]), None)
        if found is None or one is None:
            raise ValueError(problem)
        if not _take_out(one, found, problem):
            left.remove(one)
            lines.append(f"environment {one.name} cannot be in an inventory: {problem}")
    return left, lines


def _first_problem(environments: Sequence[Environment]) -> str:
    names = [one.name for one in environments]
    groups = {one.name: one.hosts for one in environments}
    hosts = list(dict.fromkeys(host for one in environments for host in one.hosts))
    values = {f"celery_{one.name}": one.value for one in environments}
    hostvars: Mapping[str, Any] = dict.fromkeys(hosts, values)
    for host in hosts:
        own = {one.name: one.value for one in environments if host in one.hosts}
        for problem in problems_of_environments(names, own, list(own), groups, host, hostvars):
            return problem
    return ""


def _take_out(one: Environment, found: re.Match[str], problem: str) -> bool:
    """Take the key, or the service, to which a problem leads, out of an environment; False if that cannot be."""
    service, name = _service(one, found)
    same = _SAME.search(problem)
    key = (same[1] or same[2]) if same else found["key"] or ""
    own = one.value if service is None else service
    notes = one.notes if service is None else one.notes_of.setdefault(name, [])
    if key == "port" or key not in own or key in _NEEDED:
        if service is None or (len(one.value["workers"]) == 1 and not found["kind"]):
            return False
        one.notes += [*one.notes_of.pop(name, []), f"{name} is left out: {problem}"]
        if found["kind"]:
            del one.value[found["kind"]]
        else:
            one.value["workers"].remove(service)
        return True
    notes.append(f"not translated: {_written(key, own[key], found)}: {problem.partition(' ')[2] or problem}")
    _drop(own, key, found)
    return True


def _service(one: Environment, found: re.Match[str]) -> tuple[dict[str, Any] | None, str]:
    """Return the dict of the service in which a problem is, and its name; None for the environment's own."""
    if found["kind"]:
        return one.value[found["kind"]], found["kind"]
    if found["index"]:
        worker = one.value["workers"][int(found["index"])]
        return worker, worker["name"]
    if found["name"]:
        return next(worker for worker in one.value["workers"] if worker["name"] == found["name"]), found["name"]
    return None, ""


def _drop(own: dict[str, Any], key: str, found: re.Match[str]) -> None:
    """Drop a key, or what of it is wrong where it has several values."""
    part: Any = found["part"] if found["part"] is not None else found["place"]
    if found["key"] == key and isinstance(own[key], dict) and part in own[key]:
        del own[key][part]
    elif found["key"] == key and isinstance(own[key], list) and part is not None and int(part) < len(own[key]):
        del own[key][int(part)]
    else:
        del own[key]
    if key in own and not own[key]:
        del own[key]


def _written(key: str, value: Any, found: re.Match[str]) -> str:
    """Return a key with its value, unless that may be a secret."""
    if key in _SECRET_KEYS or isinstance(value, Secret):
        return ".".join(filter(None, (key, found["part"])))
    return f"{key}={value}"
