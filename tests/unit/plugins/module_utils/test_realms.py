# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _redis
from ansible_collections.stalk.celery.plugins.module_utils._plan import _rabbitmq

PASSWORDS = {"live": "secret of live", "uat": "secret of uat"}


def definitions(**changes: Any) -> dict[str, Any]:
    """Return what a server exports that has had the realms imported."""
    return {**_rabbitmq.missing(PASSWORDS, ["live"], {}), "queues": [], **changes}


def test_redis_has_a_user_for_each_environment_and_no_password_in_its_file() -> None:
    rules = _redis.users({**PASSWORDS, _redis.ADMINISTRATOR: "secret"})
    assert set(rules) == {"default", "live", "uat", _redis.ADMINISTRATOR}
    assert rules["default"] == "off"
    assert "~live:*" in rules["live"] and "uat" not in rules["live"]
    text = _redis.printed(rules)
    assert "secret" not in text
    assert _redis.parsed(text) == rules


def test_a_user_of_redis_may_run_nothing_but_what_is_named() -> None:
    """Whole categories are those of data types, whose commands all have keys: what a later Redis adds has keys too."""
    words = _redis.users(PASSWORDS)["live"].split()
    given = words[words.index("-@all") + 1 :]
    types = {"bitmap", "geo", "hash", "hyperloglog", "list", "set", "sortedset", "stream", "string", "transaction"}
    assert {word for word in given if word.startswith("+@")} == {f"+@{name}" for name in types}
    assert {word for word in given if word.startswith("-")} == {"-@admin", "-@dangerous"}
    for name in ("client", "function", "fcall", "pubsub", "script", "scan", "keys", "sort", "config", "acl", "command"):
        assert f"+{name}" not in words


def test_redis_is_told_of_the_users_that_changed_and_of_no_other() -> None:
    old = _redis.users(PASSWORDS)
    new = _redis.users({"live": PASSWORDS["live"], "new": "secret"})
    told = [command[1:3] for command in _redis.commands(old, new)]
    assert told == [["SETUSER", "new"], ["DELUSER", "uat"]]
    assert _redis.commands(new, new) == []
    changed = _redis.users({"live": "other", "new": "secret"})
    assert [command[:4] for command in _redis.commands(new, changed)] == [["ACL", "SETUSER", "live", "reset"]]


def test_rabbitmq_that_has_everything_lacks_nothing() -> None:
    assert _rabbitmq.missing(PASSWORDS, ["live"], definitions()) == {}


def test_rabbitmq_gets_salted_hashes_only() -> None:
    text = json.dumps(_rabbitmq.missing(PASSWORDS, [], {}))
    assert "secret" not in text
    assert text != json.dumps(_rabbitmq.missing(PASSWORDS, [], {}))


@pytest.mark.parametrize(
    ("changes", "management", "expected"),
    [
        ({"vhosts": [{"name": "live"}]}, ["live"], {"vhosts": ["uat"]}),
        ({"users": []}, ["live"], {"users": ["live", "uat"]}),
        ({}, ["live", "uat"], {"users": ["uat"]}),
        ({}, [], {"users": ["live"]}),
        ({"permissions": []}, ["live"], {"permissions": ["live", "uat"]}),
    ],
)
def test_rabbitmq_gets_what_it_lacks_and_no_more(
    changes: dict[str, object], management: list[str], expected: dict[str, list[str]]
) -> None:
    found = _rabbitmq.missing(PASSWORDS, management, definitions(**changes))
    assert {kind: [entry.get("name", entry.get("vhost")) for entry in found[kind]] for kind in found} == expected


def test_rabbitmq_gets_a_user_again_whose_password_is_another_one() -> None:
    found = _rabbitmq.missing({**PASSWORDS, "uat": "another"}, ["live"], definitions())
    assert [user["name"] for user in found["users"]] == ["uat"]


def test_tags_are_written_for_an_older_rabbitmq_and_those_of_a_newer_one_understood() -> None:
    found = definitions()
    assert [user["tags"] for user in found["users"]] == ["management", ""]
    for user in found["users"]:
        user["tags"] = [tag for tag in user["tags"].split(",") if tag]
    assert _rabbitmq.missing(PASSWORDS, ["live"], found) == {}


def test_the_guest_is_found() -> None:
    assert _rabbitmq.has_guest({"users": [{"name": "guest"}]})
    assert not _rabbitmq.has_guest(definitions())
