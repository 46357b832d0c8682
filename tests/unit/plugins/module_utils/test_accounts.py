# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups exist in any combination; what an environment gets of them, and what it must not get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan._accounts import (
    Group,
    Spot,
    User,
    Wanted,
    described,
    problems,
    resolve,
)

DEPLOY = User("deploy", 1000, 100, "/home/deploy")
LIVE = User("live", 998, 998, "/home/live", "Celery environment live")
UAT = Wanted("uat", "uat")


class Host:
    """A host with some users and groups, whoever keeps them."""

    def __init__(self, *users: User, **gids: int) -> None:
        self.users = {user.name: user for user in (User("root", 0, 0, "/root"), *users)}
        self.gids = {"root": 0, "www-data": 33, "shadow": 42, "users": 100, **gids}

    def user(self, name: str) -> User | None:
        return self.users.get(name)

    def group(self, name: str) -> Group | None:
        if name in self.gids:
            return Group(name, self.gids[name])
        return self.group_of(int(name)) if name.isdigit() else None

    def group_of(self, gid: int) -> Group:
        names = [name for name, number in self.gids.items() if number == gid]
        return Group(names[0] if names else str(gid), gid)

    def gets(self, wanted: Wanted) -> dict[str, Any]:
        """Return what an environment gets here, where there are no homes."""
        account = resolve(wanted, self)
        return described(account, {account.home: Spot()})

    def refuses(self, *wanted: Wanted, **spots: Spot) -> list[str]:
        """Return why it does not get it; ``spots`` are below /home."""
        accounts = [resolve(one, self) for one in wanted]
        at_home = {f"/home/{name}": spot for name, spot in spots.items()}
        return problems(accounts, {**{account.home: Spot() for account in accounts}, **at_home}, [*self.users.values()])


@pytest.mark.parametrize(
    ("host", "wanted", "group", "home", "made"),
    [
        pytest.param(Host(), UAT, "uat", "/home/uat", "user group home missing", id="neither"),
        pytest.param(Host(uat=990), UAT, "uat", "/home/uat", "user home missing", id="a group only"),
        pytest.param(Host(DEPLOY), Wanted("uat", "deploy"), "users", "/home/deploy", "", id="a user only"),
        pytest.param(Host(DEPLOY, deploy=7000), Wanted("uat", "deploy"), "users", "/home/deploy", "", id="both, apart"),
        pytest.param(
            Host(DEPLOY), Wanted("uat", "deploy", "webapps"), "webapps", "/home/deploy", "group missing", id="new group"
        ),
        pytest.param(
            Host(), Wanted("uat", "uat", "www-data"), "www-data", "/home/uat", "user home missing", id="web server's"
        ),
        pytest.param(
            Host(User("svc.celery", 70001, 70513, "/srv/svc"), **{"domain users": 70513}),
            Wanted("uat", "svc.celery"),
            "70513",
            "/srv/svc",
            "",
            id="a group that would have to be quoted",
        ),
        pytest.param(
            Host(replace(LIVE, name="uat", comment="Celery environment uat"), uat=998),
            UAT,
            "uat",
            "/home/live",
            "user home",
            id="made before, and its home has gone",
        ),
    ],
)
def test_users_and_groups_in_any_combination(host: Host, wanted: Wanted, group: str, home: str, made: str) -> None:
    found = host.gets(wanted)
    assert (found["group"], found["home"]) == (group, home)
    made_here = [name for name in ("user", "group", "home") if found[f"makes_{name}"]]
    assert " ".join([*made_here, *(["missing"] if found["missing"] else [])]) == made
    assert host.refuses(wanted) == []


def test_an_existing_user_keeps_its_home_though_it_does_not_exist() -> None:
    assert not Host(DEPLOY).gets(Wanted("uat", "deploy"))["makes_home"]


@pytest.mark.parametrize(
    ("host", "wanted", "expected"),
    [
        (
            Host(User("toor", 0, 0, "/root")),
            Wanted("uat", "toor"),
            ["celery_uat.user is toor, which on this host is root under another name"],
        ),
        (Host(User("daemon", 1, 1, "/")), Wanted("uat", "daemon"), ["celery_uat.user is daemon", "the system's"]),
        (Host(User("nfsanon", 65534, 1200, "/")), Wanted("uat", "nfsanon"), ["celery_uat.user is nfsanon"]),
        (Host(User("systemd-network", 998, 998, "/")), Wanted("uat", "systemd-network"), ["celery_uat.user"]),
        (Host(), Wanted("uat", "svc.celery"), ["celery_uat.user is svc.celery, which this host does not have"]),
        (Host(), Wanted("uat", "uat", "Domain"), ["celery_uat.group is Domain, which this host does not have"]),
        (
            Host(User("operator", 1011, 0, "/srv")),
            Wanted("uat", "operator"),
            ["celery_uat.group is root, the primary group of operator, which on this host is root's", "celery-uat"],
        ),
        (
            Host(User("app", 1005, 4711, "/srv/app")),
            Wanted("uat", "app"),
            ["celery_uat.group is 4711, the primary group of app, which has no name here", "groupadd -g 4711"],
        ),
        (Host(), Wanted("uat", "uat", "shadow"), ["celery_uat.group is shadow"]),
        (Host(secrets=42), Wanted("uat", "uat", "secrets"), ["celery_uat.group is secrets", "the system's"]),
        (Host(docker=998), Wanted("uat", "docker"), ["celery_uat.group is docker", "as good as root"]),
        (Host(), Wanted("uat", "uat", further_groups=("0",)), ["SupplementaryGroups has 0, which is root's"]),
        (Host(), Wanted("uat", "uat", further_groups=("42",)), ["SupplementaryGroups has 42"]),
        (
            Host(DEPLOY),
            Wanted("uat", "deploy", home="/srv/deploy"),
            ["celery_uat.home is /srv/deploy", "with the home /home/deploy, which stays", "or write /home/deploy"],
        ),
        (
            Host(replace(LIVE, name="old")),
            Wanted("uat", "old"),
            ["celery_uat.user is old, which was made for the environment live", "shared_user: true"],
        ),
        (
            Host(LIVE, live=998),
            Wanted("uat", "uat", "live"),
            ["celery_uat.group is live, as for live, which was made for live", "shared_group: true"],
        ),
    ],
)
def test_what_must_not_be_an_environments(host: Host, wanted: Wanted, expected: list[str]) -> None:
    (problem,) = host.refuses(wanted)
    assert "\n" not in problem
    for part in expected:
        assert part in problem


@pytest.mark.parametrize(
    ("spot", "expected"),
    [
        (Spot(998, "live:live 0750"), "celery_uat.home is /home/uat, which exists and belongs to live:live 0750"),
        (Spot(obstacle="/home belongs to joe:joe 0755"), "which cannot be made there: /home belongs to joe:joe 0755"),
    ],
)
def test_a_home_that_cannot_be_made(spot: Spot, expected: str) -> None:
    (problem,) = Host().refuses(UAT, uat=spot)
    assert expected in problem


def test_a_home_that_root_made_for_a_deploy_stays_as_it_is_and_no_directory_of_the_system_is_one() -> None:
    made_by_root = Spot(0, "root:root 0755")
    assert Host().refuses(UAT, uat=made_by_root) == []
    for home in ("/etc", "/home", "/home/../etc", "/homes/uat"):
        (problem,) = problems([resolve(replace(UAT, home=home), Host())], {home: made_by_root}, [])
        assert f"celery_uat.home is {home}, which exists and belongs to root:root 0755" in problem


def test_a_home_that_was_made_may_belong_to_root_by_now_but_not_to_another() -> None:
    host = Host(User("uat", 997, 997, "/home/uat", "Celery environment uat"), uat=997)
    assert host.refuses(UAT, uat=Spot(0, "root:root 0755")) == []
    assert "belongs to live:live" in host.refuses(UAT, uat=Spot(998, "live:live 0750"))[0]


def test_environments_whose_users_have_one_primary_group() -> None:
    host = Host(DEPLOY, replace(DEPLOY, name="other", uid=1001))
    wanted = [Wanted("live", "deploy"), Wanted("uat", "other")]
    assert len(host.refuses(*wanted)) == 2
    assert "celery_live.group is users, as for uat on this host" in host.refuses(*wanted)[0]
    assert "shared_group: true" in host.refuses(*wanted)[1]
    assert host.refuses(*(replace(one, shared_group=True) for one in wanted)) == []
    assert len(host.refuses(replace(wanted[0], in_run=False), wanted[1])) == 1


def test_two_names_for_one_user() -> None:
    host = Host(DEPLOY, replace(DEPLOY, name="alias"))
    wanted = [Wanted("live", "deploy"), Wanted("uat", "alias", in_run=False)]
    assert "on this host the same as alias of uat" in host.refuses(*wanted)[0]
    assert host.refuses(replace(wanted[0], shared_user=True), wanted[1]) == []


def test_the_private_group_of_another_environments_user() -> None:
    host = Host(replace(LIVE, comment=""), live=998)
    wanted = [Wanted("live", "live", "webapps", in_run=False), Wanted("uat", "uat", "live")]
    assert "celery_uat.group is live, as for live on this host" in host.refuses(*wanted)[0]
    further = Wanted("uat", "uat", further_groups=("live",))
    assert "SupplementaryGroups has live, as for live on this host" in host.refuses(wanted[0], further)[0]


def test_a_user_is_the_collections_by_a_comment_that_root_wrote() -> None:
    assert replace(LIVE, comment="Celery environment live,,,").maker == "live"
    assert replace(LIVE, comment="Live").maker is None
    assert User("root", 0, 0, "/root", "Celery environment live").maker is None
