# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which user, group and home an environment gets on a host, and why it must not. Decides; touches nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Protocol, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._plan import _reserved

_COMMENT = "Celery environment "
_MADE_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")  # useradd(8), sysusers.d(5)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]*")  # what every file takes as it is
_HOW_TO_NAME = "Create it yourself, or write a lower-case letter or _, then up to 30 of a-z, 0-9, _ and -."


@dataclass(frozen=True)
class User:
    """A user that the host has."""

    name: str
    uid: int
    gid: int
    home: str
    comment: str = ""
    shell: str = ""

    @property
    def maker(self) -> str | None:
        """The environment for which the collection made the user, None for one that somebody else made."""
        comment = self.comment.partition(",")[0]
        return comment[len(_COMMENT) :] if self.uid and comment.startswith(_COMMENT) else None


@dataclass(frozen=True)
class Group:
    """A group that the host has; its number is its name where it has no other."""

    name: str
    gid: int


@dataclass(frozen=True)
class Wanted:
    """What an environment asks for, nothing where it says nothing; ``in_run`` if the run is about it."""

    environment: str
    user: str
    group: str = ""
    home: str = ""
    shared_user: bool = False
    shared_group: bool = False
    further_groups: tuple[str, ...] = ()
    in_run: bool = True

    @property
    def variable(self) -> str:
        return f"celery_{self.environment}"


@dataclass(frozen=True)
class Spot:
    """What is at the path of a home: ``uid`` and ``owner`` of what is there, ``obstacle`` where nothing can be made."""

    uid: int | None = None
    owner: str = ""
    obstacle: str = ""


class Names(Protocol):
    """Where users and groups are looked up."""

    def user(self, name: str) -> User | None:
        """Return the user of that name."""

    def group(self, name: str) -> Group | None:
        """Return the group of that name."""

    def group_of(self, gid: int) -> Group:
        """Return the group of that number, called by it where it has no name."""


@dataclass(frozen=True)
class Account:
    """What an environment gets: ``user`` and ``group`` are None as long as the host does not have them."""

    wanted: Wanted
    user: User | None
    group: Group | None
    home: str
    further_groups: Mapping[str, Group | None]

    @property
    def is_made(self) -> bool:
        """Whether the collection makes the user, or made it once."""
        return self.user is None or self.user.maker is not None

    @property
    def group_name(self) -> str:
        """The group as it is written into files."""
        return written(self.group) if self.group else self.wanted.group or self.wanted.user

    @property
    def groups(self) -> set[int | str]:
        """What gives access to what the environment has: its group and the primary group of its user."""
        primary = self.wanted.user if self.user is None else self.user.gid
        return {primary, _key(self.group, self.group_name)}


def written(group: Group) -> str:
    """Return how ``group`` is written into files: by number where its name would need quotes, as ``domain users``."""
    return group.name if _PLAIN_NAME.fullmatch(group.name) else str(group.gid)


def resolve(wanted: Wanted, names: Names) -> Account:
    """Return what ``wanted`` comes to on the host of ``names``."""
    user = names.user(wanted.user)
    by_default = names.group(wanted.user) if user is None else names.group_of(user.gid)
    return Account(
        wanted=wanted,
        user=user,
        group=names.group(wanted.group) if wanted.group else by_default,
        home=user.home if user else wanted.home or f"/home/{wanted.user}",
        further_groups={name: names.group(name) for name in wanted.further_groups},
    )


def described(account: Account, spots: Mapping[str, Spot]) -> dict[str, Any]:
    """Return what the controller has to know of ``account`` to write the files of its environment."""
    return {
        "group": account.group_name,
        "home": account.home,
        "makes_user": account.is_made,
        "makes_group": account.group is None,
        "missing": account.user is None or account.group is None,
        "makes_home": account.is_made and spots[account.home].uid is None,
    }


def problems(accounts: Sequence[Account], spots: Mapping[str, Spot], local: Sequence[User]) -> list[str]:
    """Return why environments must not have their accounts.

    :param accounts: those of all environments of the host.
    :param spots: what is at the homes of those whom the collection makes.
    :param local: the users of the host, of which some were made for environments that are gone.
    """
    gone = [user for user in local if user.name not in {account.wanted.user for account in accounts}]
    found = (
        text
        for account in accounts
        if account.wanted.in_run
        for text in [*_user(account)]
        or [
            *_group(account),
            *_further_groups(account),
            *_home(account, spots),
            *_shared(account, [other for other in accounts if other is not account]),
            *_inherited(account, gone),
        ]
    )
    return list(dict.fromkeys(found))


def _user(account: Account) -> Iterator[str]:
    wanted, user = account.wanted, account.user
    path = f"{wanted.variable}.user is {wanted.user}"
    whose = _reserved.user(wanted.user, user.uid if user else None)
    if user is None and not _MADE_NAME.fullmatch(wanted.user):
        yield f"{path}, which this host does not have and which cannot be made here. {_HOW_TO_NAME}"
    elif whose and not (user and user.maker):
        yield f"{path}, which on this host is {whose}. Leave it out to get the user {wanted.environment}."
    elif user and user.maker not in (None, wanted.environment) and not wanted.shared_user:
        yield (
            f"{path}, which was made for the environment {user.maker}, and has what is left of it. "
            f"Leave it out to get the user {wanted.environment}, or write shared_user: true if that is meant."
        )


def _group(account: Account) -> Iterator[str]:
    wanted, group = account.wanted, account.group
    name = group.name if group else account.group_name
    by_default = "" if wanted.group else f", the primary group of {wanted.user}"
    path = f"{wanted.variable}.group is {name}{by_default}"
    what = _reserved.group(name, group.gid if group else None)
    if group is None and not _MADE_NAME.fullmatch(name):
        yield f"{path}, which this host does not have and which cannot be made here. {_HOW_TO_NAME}"
    elif group and group.name == str(group.gid):
        yield f"{path}, which has no name here, and systemd wants one. Write another, or groupadd -g {name} NAME."
    elif what:
        yield f"{path}, which on this host is {what}. Write a group of its own, as celery-{wanted.environment}."


def _further_groups(account: Account) -> Iterator[str]:
    for name, group in account.further_groups.items():
        what = _reserved.further_group(group.name if group else name, group.gid if group else None)
        if what:
            yield (
                f"{account.wanted.variable}: SupplementaryGroups has {name}, which is {what}: "
                "a service could do more than its environment. Take it out."
            )


def _home(account: Account, spots: Mapping[str, Spot]) -> Iterator[str]:
    wanted, user = account.wanted, account.user
    spot = spots.get(account.home, Spot())
    path = f"{wanted.variable}.home is {account.home}"
    if user and wanted.home and os.path.normpath(wanted.home) != os.path.normpath(user.home):
        yield (
            f"{wanted.variable}.home is {wanted.home}, but the user {user.name} exists on this host with the home "
            f"{user.home}, which stays. Leave home out, or write {user.home}."
        )
    elif account.is_made and spot.uid is not None and not _may_be_home(account, spot.uid):
        yield (
            f"{path}, which exists and belongs to {spot.owner}: it would be taken from its owner. "
            f"Write a home that does not exist yet, or create the user {wanted.user} with that home yourself."
        )
    elif account.is_made and spot.uid is None and spot.obstacle:
        yield f"{path}, which cannot be made there: {spot.obstacle}. Write a home in a directory of root, as /home."


def _may_be_home(account: Account, uid: int) -> bool:
    """Return whether what is at the path of a home stays as it is: the user's own, or what root made in its place."""
    if account.user:
        return uid in (account.user.uid, 0)
    return uid == 0 and os.path.normpath(account.home).startswith("/home/")


def _shared(account: Account, others: Sequence[Account]) -> Iterator[str]:
    wanted = account.wanted
    for other in others:
        name = other.wanted.environment
        if _is_same_user(account, other):
            if not wanted.shared_user:
                yield (
                    f"{wanted.variable}.user is {wanted.user}, on this host the same as {other.wanted.user} of {name}: "
                    "they could read and stop each other. Give each its own user, or write shared_user: true in each."
                )
        elif not wanted.shared_group:
            yield from _shared_groups(account, other.groups, f"as for {name} on this host")


def _inherited(account: Account, gone: Sequence[User]) -> Iterator[str]:
    """Yield what ``account`` would have of users that were made for other environments, which are gone."""
    if account.wanted.shared_group:
        return
    for user in gone:
        if user.maker not in (None, account.wanted.environment):
            yield from _shared_groups(account, {user.gid}, f"as for {user.name}, which was made for {user.maker}")


def _shared_groups(account: Account, groups: set[int | str], whose: str) -> Iterator[str]:
    wanted = account.wanted
    own = {f"{wanted.variable}.group is {account.group_name}": _key(account.group, account.group_name)}
    further = {
        f"{wanted.variable}: SupplementaryGroups has {name}": _key(group, name)
        for name, group in account.further_groups.items()
    }
    for path, key in {**own, **further}.items():
        if key in groups:
            yield (
                f"{path}, {whose}: it could read the variables and passwords there. "
                "Give each its own group, or write shared_group: true in each if that is meant."
            )


def _is_same_user(one: Account, other: Account) -> bool:
    if one.user and other.user:
        return one.user.uid == other.user.uid
    return one.wanted.user == other.wanted.user


def _key(group: Group | None, name: str) -> int | str:
    """Return what identifies a group, also one that does not exist yet."""
    return name if group is None else group.gid
