# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments: which ones a run converges on a host, and their defaults."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._core import parts_of_limit
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec, validate

_SUBSCRIPT = re.compile(r"(?<=.)\[(-?\d+|\d+[:-]\d*)\]$")


def environments_of_run(names: Iterable[str], limit: str) -> list[str]:
    """Return the environments of a host that a run converges.

    :param names: the environments whose groups the host is in.
    :param limit: the text of ``--limit``, empty when there is none. It names an environment where a part of it matches
        the name as a pattern of Ansible (``live``, ``app1:&live``, ``live[0]``, ``li*``, ``~li.e``, ``@file``), but not
        as an exclusion (``!live``). A limit that names none of the environments narrows only the hosts.
    """
    candidates = list(names)
    patterns = [re.compile(pattern) for pattern in _patterns(limit)]
    return [name for name in candidates if any(pattern.match(name) for pattern in patterns)] or candidates


def _patterns(limit: str) -> Iterator[str]:
    """Return what the parts of ``--limit`` select, as regular expressions, see ansible.inventory.manager."""
    parts = parts_of_limit(limit)
    files = [Path(part[1:]).read_text(encoding="utf-8") for part in parts if part.startswith("@")]
    for part in (*parts, *(line.strip() for text in files for line in text.splitlines())):
        regex = part.lstrip("&")
        if regex.startswith("~"):
            yield regex[1:]
        elif part and not part.startswith(("@", "!~")):
            names = (one.lstrip("&") for one in parts_of_limit(part) if not one.startswith("!"))
            yield from (fnmatch.translate(_SUBSCRIPT.sub("", name)) for name in names)


def complete_environment(
    name: str, value: Mapping[str, Any], account: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return an environment with its name and the defaults of its own keys; those of its services are left to these.

    :param value: its celery_<name> variable, checked.
    :param account: what the module look says of it, empty where nobody has asked: then group and home
        are those of a user that does not exist yet.
    """
    spec = environment_spec()
    of_services = {*spec["workers"]["options"], *(kind.key for kind in KINDS.values())}
    own = {key: spec[key] for key in spec.keys() - of_services}
    given = {key: item for key, item in value.items() if item is not None}
    defaults, _problems = validate({key: given[key] for key in own.keys() & given.keys()}, own, "")
    user = defaults.get("user", name)
    return {
        "workers": [{"name": "w1"}],
        "user": user,
        "group": user,
        "home": f"/home/{user}",
        **given,
        **defaults,
        **{key: account[key] for key in ("group", "home") if key in account},
        "name": name,
    }
