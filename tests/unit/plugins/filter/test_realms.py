# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which realms a host keeps, how services reach theirs, and what is refused before the first change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.filter.instances import instances
from ansible_collections.stalk.celery.plugins.filter.realms import realms
from ansible_collections.stalk.celery.tests.unit.deciding import environments, problems
from ansible_collections.stalk.celery.tests.unit.rendering import rendered

GROUPS = {"all": ["app1", "app2", "db1"], "live": ["app1", "app2"], "uat": ["app1"]}
NAMES = ["live", "uat"]
URL = "CELERY_BROKER_URL"
LABELLED = {"/var/lib/redis": "var/lib", "/run/redis": "run"}


def environment(broker: Any, **more: Any) -> dict[str, Any]:
    """Return an environment that asks for a broker."""
    return {"app": "edc:app", "directory": "/srv/edc", "virtualenv": "/srv/venv", "broker": broker, **more}


def hostvars(live: dict[str, Any], uat: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Return the variables of the hosts; one that is in no environment has none."""
    variables = {"celery_live": live, **({"celery_uat": uat} if uat else {})}
    return {"app1": variables, "app2": {"celery_live": live}, "db1": {}}


def problems_of(live: dict[str, Any], uat: dict[str, Any] | None = None, host: str = "app1") -> list[str]:
    """Return the problems on a host."""
    found = hostvars(live, uat)
    own = {name: found[host][f"celery_{name}"] for name in NAMES if f"celery_{name}" in found[host]}
    return problems([name for name in NAMES if uat or name == "live"], own, GROUPS, host, "", found)


def variables_of(live: dict[str, Any], host: str) -> dict[str, str]:
    """Return the variables that live's services have on a host."""
    [found] = environments({"live": live}, "", host, {"live": "pw"})
    variables: dict[str, str] = found["environment"]
    return variables


@pytest.mark.parametrize(
    ("broker", "host", "expected"),
    [
        ({"host": "db1"}, "app1", "redis://live:pw@db1:6379/0"),
        ({"host": "db1"}, "db1", "redis://live:pw@127.0.0.1:6379/0"),
        ({"host": "db1", "address": "10.0.0.3", "port": 7000}, "app1", "redis://live:pw@10.0.0.3:7000/0"),
        ({"host": "db1", "kind": "rabbitmq"}, "app1", "amqp://live:pw@db1:5672/live"),
        ({"host": "app1", "kind": "redis_socket"}, "app1", "redis+socket:///run/redis-celery-live/redis.sock"),
    ],
)
def test_services_are_led_into_their_realm(broker: dict[str, Any], host: str, expected: str) -> None:
    variables = variables_of(environment(broker), host)
    assert variables[URL] == expected
    assert variables.get("CELERY_RESULT_BACKEND", expected) == expected


def test_rabbitmq_is_no_result_backend_and_one_of_the_users_own_stays() -> None:
    assert "CELERY_RESULT_BACKEND" not in variables_of(environment({"host": "db1", "kind": "rabbitmq"}), "app1")
    own = environment({"host": "db1"}, environment={"CELERY_RESULT_BACKEND": "django-db"})
    assert variables_of(own, "app1")["CELERY_RESULT_BACKEND"] == "django-db"


def test_services_start_after_a_broker_of_the_same_host() -> None:
    [here] = environments({"live": environment({"host": "app1"}, after=["postgresql.service"])}, "", "app1", {})
    [there] = environments({"live": environment({"host": "db1"})}, "", "app1", {})
    assert (here["after"], there["after"]) == (["postgresql.service", "redis-celery.service"], [])


def test_a_host_keeps_the_realms_that_ask_for_it() -> None:
    found = hostvars(environment({"host": "db1"}), environment({"host": "app1"}, user="edc"))
    assert [realm["name"] for realm in realms(NAMES, GROUPS, found, "db1")] == ["live"]
    [uat] = realms(NAMES, GROUPS, found, "app1")
    assert (uat["name"], uat["user"], uat["group"], uat["kind"], uat["port"]) == ("uat", "edc", "edc", "redis", 6379)
    assert realms(NAMES, GROUPS, found, "app2") == []


def test_a_limit_that_names_environments_leaves_the_other_realms_alone() -> None:
    found = hostvars(environment({"host": "db1"}), environment({"host": "db1"}))
    assert [realm["name"] for realm in realms(NAMES, GROUPS, found, "db1", "uat,db1")] == ["uat"]
    assert [realm["name"] for realm in realms(NAMES, GROUPS, found, "db1", "db1")] == NAMES


@pytest.mark.parametrize(("live_host", "expected"), [("db1", True), ("app1", False)])
def test_a_broker_listens_to_the_network_only_for_other_hosts(live_host: str, expected: bool) -> None:
    """live has two hosts, uat only the one that is its broker."""
    found = hostvars(environment({"host": live_host}), environment({"host": "app1"}))
    [uat] = [realm for realm in realms(NAMES, GROUPS, found, "app1") if realm["name"] == "uat"]
    assert uat["local"] is expected


def test_one_instance_for_all_and_one_for_each_that_has_its_own() -> None:
    found = hostvars(environment({"host": "app1"}), environment({"host": "app1", "kind": "redis_socket"}))
    made = instances(realms(NAMES, GROUPS, found, "app1"), "/usr/bin/redis-server")
    assert made["units"] == [{"name": "redis-celery-uat.service"}, {"name": "redis-celery.service"}]
    assert len(made["files"]) == 4
    twice = hostvars(environment({"host": "app1"}), environment({"host": "app1"}))
    assert instances(realms(NAMES, GROUPS, twice, "app1"), "")["units"] == [{"name": "redis-celery.service"}]


def test_an_instance_of_its_own_has_the_group_that_its_user_has_on_the_host() -> None:
    found = hostvars(environment({"host": "app1"}), environment({"host": "app1", "kind": "redis_socket"}))
    kept = realms(NAMES, GROUPS, found, "app1")
    made = instances(kept, "/usr/bin/redis-server", accounts={"uat": {"group": "users"}})
    assert {file["variables"]["realm"]["group"] for file in made["files"] if "uat" in file["path"]} == {"users"}


@pytest.mark.parametrize("selinux", [False, True])
def test_the_directories_of_redis_have_the_types_of_its_policy_where_there_is_one(selinux: bool) -> None:
    """Fedora's and the reference policy have them at /var/lib/redis(/.*)? and /run/redis(/.*)? only."""
    found = hostvars(environment({"host": "app1"}), environment({"host": "app1", "kind": "redis_socket"}))
    made = instances(realms(NAMES, GROUPS, found, "app1"), "/usr/bin/redis-server", selinux)
    units = [entry for entry in made["files"] if entry["path"].endswith(".service")]
    assert len(units) == 2
    for unit in units:
        stem = unit["variables"]["stem"]
        text = rendered(unit)
        labels = [f"-n {policy})\" /{place}/{stem}'" for policy, place in LABELLED.items()]
        assert [label in text for label in labels] == [selinux, selinux]


@pytest.mark.parametrize("host", ["app1", "db1"])
@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ({"host": "db1", "kind": "kafka"}, "celery_live.broker.kind is 'kafka', which is unknown; write one of:"),
        ({"host": "db1", "adress": "x"}, "celery_live.broker.adress is not a known key; did you mean address?"),
        ({"host": "db1", "port": 80}, "celery_live.broker.port is 80. Write one from 1024 to 65535"),
        ({"host": "db1", "management": True}, "celery_live.broker.management means nothing to kind redis. Remove it."),
        ({"host": "db1", "kind": "redis_socket"}, "redis_socket, which only db1 itself can reach, but group live has"),
    ],
)
def test_bad_input_is_refused_on_both_hosts(broker: Any, expected: str, host: str) -> None:
    """By the environment's own host, and by that of the broker, which may be the only one in the run."""
    [problem] = problems_of(environment(broker), host=host)
    assert expected in problem


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ({"kind": "redis"}, "celery_live.broker.host is missing"),
        ({"host": "db2"}, "celery_live.broker.host is db2, which the inventory does not have. Add the host"),
        ("redis", "celery_live.broker is not a dict"),
        ({"host": "app1", "kind": "redis_socket", "port": 7000}, "celery_live.broker.port means nothing to kind"),
    ],
)
def test_bad_input_is_refused(broker: Any, expected: str) -> None:
    found = "\n".join(problems_of(environment(broker)))
    assert expected in found


@pytest.mark.parametrize(
    "more", [{"environment": {URL: "redis://db1"}}, {"beat": {"host": "app1", "environment": {URL: "redis://db1"}}}]
)
def test_a_broker_and_a_url_of_another_one(more: dict[str, Any]) -> None:
    [problem] = problems_of(environment({"host": "db1"}, **more))
    assert "celery_live.broker and CELERY_BROKER_URL in an environment of celery_live are both set" in problem


def test_environments_that_share_a_broker_agree_on_its_port() -> None:
    [problem] = problems_of(environment({"host": "db1"}), environment({"host": "db1", "port": 7000}), host="app2")
    assert "celery_live.broker.port is 6379, but that of celery_uat is 7000" in problem
    assert problems_of(environment({"host": "db1"}), environment({"host": "db1", "kind": "rabbitmq"})) == []
