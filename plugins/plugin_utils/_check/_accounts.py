# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check users, groups and homes, as far as their names tell. What a host makes of them, module look checks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan import _reserved
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._asked_accounts import further_groups

Environment = Mapping[str, Any]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,255}")  # those of LDAP too; the host says which it can make
_SHARED = "Give each its own {0}, or write shared_{0}: true in each."


def problems_of_names(path: str, environment: Environment) -> Iterator[str]:
    """Yield why the names of an environment's user and groups cannot be used on any host.

    :param path: the environment's variable, as ``celery_live``.
    """
    for key in ("user", "group"):
        if not _NAME.fullmatch(environment[key]):
            yield (
                f"{path}.{key} is {environment[key]!r}, which cannot be a {key} name. "
                "Write a lower-case letter or _, then up to 30 of a-z, 0-9, _ and -."
            )
            return
    own = environment["name"]
    if whose := _reserved.user(environment["user"]):
        text = "root" if whose == "root" else f"{environment['user']}, which is {whose}"
        yield f"{path}.user is {text}. Services run as a user of their own: leave the key out to get the user {own}."
    elif whose := _reserved.group(environment["group"]):
        yield f"{path}.group is {environment['group']}, which is {whose}. Write another, as celery-{own}."
    for name in further_groups(environment):
        if whose := _reserved.further_group(name):
            yield f"{path}: SupplementaryGroups has {name}, which is {whose}. Take it out."


def shared_accounts(environments: Sequence[Environment], run: Container[str]) -> Iterator[str]:
    """Yield what environments of one host have in common: users, groups, homes, or one home below another.

    :param environments: the complete environments of the host.
    :param run: the environments that this run converges.
    """
    for environment in environments:
        if environment["name"] in run:
            others = [other for other in environments if other is not environment]
            strangers = [other for other in others if other["user"] != environment["user"]]
            yield from _users(environment, [other for other in others if other not in strangers])
            yield from _groups(environment, strangers)
            yield from _homes(environment, strangers)


def _users(environment: Environment, others: Sequence[Environment]) -> Iterator[str]:
    if others and not environment["shared_user"]:
        yield (
            f"celery_{environment['name']}.user is {environment['user']}, as for {_names(others)} on this host: they "
            f"could read and stop each other. {_SHARED.format('user')}"
        )


def _groups(environment: Environment, others: Sequence[Environment]) -> Iterator[str]:
    if environment["shared_group"]:
        return
    for key, group in {"group": environment["group"], **_further(environment)}.items():
        owners = [other for other in others if group in (other["group"], other["user"])]
        if owners:
            yield (
                f"celery_{environment['name']}.{key} is {group}, as for {_names(owners)} on this host: it could read "
                f"the variables and passwords there. {_SHARED.format('group')}"
            )


def _further(environment: Environment) -> dict[str, str]:
    groups = further_groups(environment)
    return {f"sandbox.SupplementaryGroups[{index}]": group for index, group in enumerate(groups)}


def _homes(environment: Environment, others: Sequence[Environment]) -> Iterator[str]:
    home = posixpath.normpath(environment["home"])
    for other in others:
        theirs = posixpath.normpath(other["home"])
        if home == theirs or _is_below(home, theirs) or _is_below(theirs, home):
            where = "the" if home == theirs else "below the" if _is_below(home, theirs) else "above the"
            yield (
                f"celery_{environment['name']}.home is {home}, {where} home of {other['name']} on this host, {theirs}: "
                "one could take the other's files. Leave home out, or write one that is apart from it."
            )


def _is_below(path: str, other: str) -> bool:
    return posixpath.commonpath([path, other]) == other != path


def _names(environments: Sequence[Environment]) -> str:
    return ", ".join(environment["name"] for environment in environments)
