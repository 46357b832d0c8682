# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets a message that names the variable, what is wrong and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.deciding import problems

GROUPS = {"all": ["app1", "app2", "db1"], "live": ["app1", "app2"], "uat": ["app1"]}


def environment(**changes: Any) -> dict[str, Any]:
    """Return an environment without a problem, changed."""
    return {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv", **changes}


def with_broker(url: str, **changes: Any) -> dict[str, Any]:
    """Return an environment without a problem that uses a broker."""
    return environment(environment={"CELERY_BROKER_URL": url}, **changes)


def problems_of(live: Any, uat: Any = None, limit: str = "") -> list[str]:
    variables = {"live": live} if uat is None else {"live": live, "uat": uat}
    return problems(["live", "uat"], variables, GROUPS, "app1", limit)


def worker(**changes: Any) -> dict[str, Any]:
    """Return an environment with one worker."""
    return environment(workers=[{"name": "w1", **changes}])


def flower(**changes: Any) -> dict[str, Any]:
    """Return an environment with Flower."""
    return environment(flower={"host": "app1", **changes})


OAUTH = {
    "auth": ".*@example.com",
    "auth_provider": "flower.views.auth.GithubLoginHandler",
    "oauth2_key": "key",
    "oauth2_secret": "s3cret",
    "oauth2_redirect_uri": "https://example.com/login",
}


def test_three_keys_are_enough() -> None:
    assert problems_of(environment()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"packages": ["-r requirements.txt"]}, "celery_live.packages has -r with 'requirements.txt', which is no"),
        ({"packages": ["--pre"]}, "celery_live.packages has '--pre', an option of pip."),
        ({"python": "python3 -I"}, "celery_live.python is 'python3 -I'. Write a command as python3.12"),
        ({"python": "-c"}, "celery_live.python is '-c'. Write a command as python3.12"),
    ],
)
def test_packages_that_pip_would_not_take_are_refused(changes: dict[str, Any], expected: str) -> None:
    [problem] = problems_of(environment(**changes))
    assert problem.startswith(expected)


def test_everything_at_once_is_sound() -> None:
    live = environment(
        user="edc",
        environment={"PORT": "8000", "EMPTY": "", "SECRET": 'a$b"c\nd'},
        workers=[
            {
                "name": "w1",
                "queues": ["celery", "mail"],
                "autoscale": "10,3",
                "time_limit": 300,
                "soft_time_limit": 200,
            },
            {
                "name": "video",
                "hosts": ["app2"],
                "pool": "gevent",
                "concurrency": 100,
                "sandbox": {"ProtectHome": "no"},
            },
            {
                "name": "one",
                "pool": "solo",
                "state": "stopped",
                "unit": "celery.one.service",
                "options": ["--without-gossip"],
            },
        ],
        beat={"host": "app1", "scheduler": "django_celery_beat.schedulers:DatabaseScheduler"},
        flower={"host": "app1", "address": "", "url_prefix": "/live/flower", "basic_auth": ["ann:a b:c"], **OAUTH},
    )
    assert problems_of(live, environment(user="uat")) == []


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (
            worker(concurency=8),
            ["celery_live.workers[0].concurency", "did you mean concurrency?", "Allowed are: after, app,"],
        ),
        (environment(wrokers=[]), ["celery_live.wrokers", "did you mean workers?"]),
        (
            environment(beat={"host": "app1", "shceduler": "x"}),
            ["celery_live.beat.shceduler", "did you mean scheduler?"],
        ),
        *(
            (environment(write_paths=[path]), [f"celery_live.write_paths[0] is {path!r}", said])
            for path, said in (
                ("media", "not an absolute path"),
                ("/srv/me dia", "white space"),
                ("/srv/media/", "Write /srv/media"),
                ("//srv/media", "Write /srv/media"),
                ("/srv/../etc", "Write /etc"),
                ("/", "not for tasks to write"),
                ("/home", "not for tasks to write"),
                ("/var/lib", "not for tasks to write"),
                ("/etc", "not for tasks to write"),
                ("/etc/cron.d", "not for tasks to write"),
                ("/usr/lib/python3", "not for tasks to write"),
                ("/root/media", "not for tasks to write"),
            )
        ),
        (worker(write_paths=["/etc"]), ["celery_live.workers[0].write_paths[0] is '/etc'"]),
        (worker(write_paths="/srv/media"), ["celery_live.workers[0].write_paths is not a list"]),
        (environment(sandbox={"ProtectHme": "no"}), ["celery_live.sandbox.ProtectHme", "did you mean ProtectHome?"]),
        (
            {"directory": "/srv/edc", "virtualenv": "/srv/venv"},
            ["celery_live.app is missing", "meta_edc.celery.live:app"],
        ),
        (environment(beat={}), ["celery_live.beat.host is missing"]),
        (None, ["celery_live is not defined", "group_vars/live.yml"]),
        ("edc.celery:app", ["celery_live is not a dict", "app, directory, virtualenv"]),
        (environment(workers={"w1": {}}), ["celery_live.workers is not a list"]),
        (environment(workers=[]), ["celery_live.workers is empty", "Leave the key out"]),
        (environment(workers=["w1"]), ["celery_live.workers[0] is not a dict"]),
        (worker(concurrency="many"), ["celery_live.workers[0].concurrency", "a whole number"]),
        (worker(concurrency=0), ["celery_live.workers[0].concurrency is 0", "Write 1 or more"]),
        (environment(shared_user="perhaps"), ["celery_live.shared_user", "true or false"]),
        (
            environment(beat={"host": "db1"}),
            ["celery_live.beat.host names db1", "not in group live", "Write one of: app1, app2"],
        ),
        (environment(beat={"hosts": ["db1"]}), ["celery_live.beat.hosts names db1", "not in group live"]),
        (environment(beat={"host": "app1", "hosts": ["app2"]}), ["celery_live.beat has host and hosts"]),
        (
            environment(beat={"hosts": ["app1", "app2"]}),
            ["celery_live.beat.hosts names 2 hosts", "takes no lock", "Write host", "redbeat.RedBeatScheduler"],
        ),
        (worker(hosts=["app3"]), ["celery_live.workers[0].hosts names app3", "Write one of: app1, app2"]),
        (worker(hosts=[]), ["celery_live.workers[0].hosts is empty", "Leave the key out"]),
        (environment(workers=[{"name": "w1"}, {"name": "w1"}]), ["celery_live.workers[1].name is w1", "its own name"]),
        (environment(user="Live User"), ["celery_live.user is 'Live User'", "cannot be a user name"]),
        (environment(user="root"), ["celery_live.user is root", "to get the user live"]),
        (environment(user="rabbitmq"), ["celery_live.user is rabbitmq, which is that of a broker", "the user live"]),
        (environment(user="nobody"), ["celery_live.user is nobody", "owns what nobody else owns"]),
        (environment(user="systemd-network"), ["celery_live.user is systemd-network, which is the system's"]),
        (environment(group="root"), ["celery_live.group is root", "as celery-live"]),
        (environment(group="docker"), ["celery_live.group is docker, which is as good as root"]),
        (environment(sandbox={"SupplementaryGroups": "redis shadow"}), ["SupplementaryGroups has shadow"]),
        (worker(sandbox={"SupplementaryGroups": "root"}), ["SupplementaryGroups has root, which is root's"]),
        (worker(name="w 1"), ["celery_live.workers[0].name is 'w 1'", "letters, digits"]),
        (worker(unit="celery live"), ["celery_live.workers[0].unit is 'celery live'", "then .service"]),
        (worker(after=["redis"]), ["celery_live.workers[0].after has 'redis'", "redis-server.service"]),
        (environment(directory="edc"), ["celery_live.directory is 'edc'", "not an absolute path", "/home/live/edc"]),
        (environment(virtualenv="~/venv"), ["celery_live.virtualenv is '~/venv'", "not an absolute path"]),
        (worker(env_file="live.conf"), ["celery_live.workers[0].env_file is 'live.conf'", "not an absolute path"]),
        (environment(directory="/srv/my edc"), ["celery_live.directory is '/srv/my edc'", "white space"]),
        (worker(pool="forks"), ["celery_live.workers[0].pool is 'forks'", "prefork, processes, threads, gevent"]),
        (worker(concurrency=4, autoscale="10,3"), ["celery_live.workers[0] has autoscale and concurrency", "Keep one"]),
        (worker(logrotate={"rotate": 5}), ["celery_live.workers[0].logrotate has no log_file", "Write log_file"]),
        (worker(autoscale="many"), ["celery_live.workers[0].autoscale is 'many'", '"10,3"']),
        (worker(autoscale="10,3", pool="threads"), ["celery_live.workers[0].autoscale", "not work with pool threads"]),
        (
            worker(max_tasks_per_child=5, pool="gevent"),
            ["celery_live.workers[0].max_tasks_per_child", "only with pool prefork"],
        ),
        (
            worker(max_memory_per_child=5, pool="threads"),
            ["celery_live.workers[0].max_memory_per_child", "only with pool prefork"],
        ),
        (
            worker(soft_time_limit=5, pool="gevent"),
            ["celery_live.workers[0].soft_time_limit", "only with pool prefork"],
        ),
        (worker(time_limit=5, pool="threads"), ["celery_live.workers[0].time_limit", "prefork, gevent"]),
        (worker(concurrency=2, pool="solo"), ["celery_live.workers[0].concurrency", "one task at a time"]),
        (worker(requires=["redis"]), ["celery_live.workers[0].requires has 'redis'", "redis-server.service"]),
        (worker(count=0), ["celery_live.workers[0].count is 0", "one from 1 to 1000"]),
        (worker(count=2, unit="w.service"), ["celery_live.workers[0] has count and unit", "Remove unit"]),
        (worker(count=2, node="w@%h"), ["celery_live.workers[0] has count and node", "Remove node"]),
        (worker(count=2, queues=["a b"]), ["celery_live.workers[0].queues has 'a b'"]),
        (
            environment(workers=[{"name": "w", "count": 2}, {"name": "w-2"}]),
            ["celery_live.workers[1].name is w-2, as of an earlier worker"],
        ),
        (worker(part_of="absent.service"), ["celery_live.workers[0].part_of is absent.service", "of: none"]),
        (worker(queues=["mail,video"]), ["celery_live.workers[0].queues has 'mail,video'", "each element"]),
        (
            worker(options=["--concurrency=4"]),
            ["celery_live.workers[0].options has --concurrency", "Write concurrency instead"],
        ),
        (worker(options=["-B"]), ["celery_live.workers[0].options has -B", "Write beat instead"]),
        (worker(options=["--detach"]), ["celery_live.workers[0].options has --detach", "Remove it"]),
        (environment(environment={"1A": "x"}), ["celery_live.environment.1A", "systemd drops it"]),
        (worker(environment={"A-B": "x"}), ["celery_live.workers[0].environment.A-B", "systemd drops it"]),
        (environment(environment={"A": "x\0y"}), ["celery_live.environment.A", "NUL", "base64"]),
        (environment(environment={"A": "\udcff"}), ["celery_live.environment.A", "UTF-8", "base64"]),
        (environment(environment={"A": "x" * 131070}), ["celery_live.environment.A is 131072 bytes long", "131071"]),
        (environment(environment={"DEBUG": True}), ["celery_live.environment.DEBUG", "in quotes"]),
        (environment(environment={"PORT": 8000}), ["celery_live.environment.PORT", "in quotes"]),
        (environment(environment={"HOSTS": ["a"]}), ["celery_live.environment.HOSTS", "in quotes"]),
        (
            environment(environment={"CELERYD_OPTS": "-c 4"}),
            ["celery_live.environment.CELERYD_OPTS", "keys of a worker"],
        ),
        (worker(stop="soft", type="forking"), ["celery_live.workers[0].stop: soft", "type: notify"]),
        (worker(stop="soft", stop_timeout=10), ["celery_live.workers[0].stop: soft", "Write a longer one"]),
        (environment(limits={"Slice": "a\nb"}), ["celery_live.limits.Slice", "line break"]),
        (worker(log_file="/var/log/%n/w1.log"), ["celery_live.workers[0].log_file", "in its directory"]),
        (worker(log_file="w1.log"), ["celery_live.workers[0].log_file is 'w1.log'", "not an absolute path"]),
        (environment(sandbox={"UMask": "0027\nUser=root"}), ["celery_live.sandbox.UMask", "line break"]),
        (flower(host="db1"), ["celery_live.flower.host names db1", "Write one of: app1, app2"]),
        (flower(prot=8080), ["celery_live.flower.prot", "did you mean port?"]),
        (flower(log_file="/var/log/flower.log"), ["celery_live.flower.log_file is not a known key"]),
        (flower(address="0.0.0.0"), ["celery_live.flower.address is '0.0.0.0'", 'basic_auth: ["NAME:PASSWORD"]']),
        (flower(address=""), ["celery_live.flower.address is empty, every address", "basic_auth"]),
        (flower(address="::"), ["celery_live.flower.address is '::'", "basic_auth"]),
        (flower(address="app1", basic_auth=[]), ["celery_live.flower.address is 'app1'", "basic_auth"]),
        (flower(port=80), ["celery_live.flower.port is 80", "from 1024 to 65535"]),
        (flower(port=65536), ["celery_live.flower.port is 65536", "from 1024 to 65535"]),
        (flower(url_prefix="a b"), ["celery_live.flower.url_prefix is 'a b'", "letters, digits"]),
        (flower(basic_auth=["ann:x", "s3cret"]), ["celery_live.flower.basic_auth[1]", "NAME:PASSWORD"]),
        (flower(basic_auth=["ann:"]), ["celery_live.flower.basic_auth[0]", "NAME:PASSWORD"]),
        (flower(basic_auth=["ann:s3cret,"]), ["celery_live.flower.basic_auth[0]", "without commas"]),
        (flower(basic_auth=["ann:s3crét"]), ["celery_live.flower.basic_auth[0]", "in ASCII"]),
        (flower(**{**OAUTH, "oauth2_secret": ""}), ["celery_live.flower.oauth2_secret is missing"]),
        (flower(oauth2_key="x"), ["celery_live.flower.oauth2_key works only with auth", "celery_live.flower.auth"]),
        (flower(options=["--port=80"]), ["celery_live.flower.options has --port", "Write port instead"]),
        (flower(options=["-basic_auth=a:s3cret"]), ["celery_live.flower.options has --basic-auth", "Write basic_auth"]),
        (flower(options=["--unix_socket=/run/x"]), ["celery_live.flower.options has --unix-socket", "Write address"]),
        (
            flower(options=["--cookie_secret=s3cret"]),
            ["celery_live.flower.options has a secret", "FLOWER_COOKIE_SECRET into celery_live.flower.environment"],
        ),
        (
            flower(environment={"FLOWER_ADDRESS": "0.0.0.0"}),
            ["celery_live.flower.environment.FLOWER_ADDRESS", "keys of a worker or of flower"],
        ),
    ],
)
def test_message(live: Any, expected: list[str]) -> None:
    (problem,) = problems_of(live)
    for part in expected:
        assert part in problem
    assert "s3cr" not in problem


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_flower_on_loopback_is_open(address: str) -> None:
    assert problems_of(flower(address=address)) == []


def test_flower_on_loopback_of_a_shared_host_is_not() -> None:
    (problem,) = problems_of(flower(), environment())
    assert "celery_live.flower would let the other environments of this host look into live" in problem
    assert 'basic_auth: ["NAME:PASSWORD"]' in problem
    assert problems_of(flower(basic_auth=["ann:s3cret"]), environment()) == []


def test_all_problems_at_once() -> None:
    live = environment(
        directory="edc", workers=[{"name": "w1", "pool": "threads", "time_limit": 5}], beat={"host": "db1"}
    )
    assert len(problems_of(live)) == 3


def test_longest_variable_that_the_kernel_takes() -> None:
    assert problems_of(environment(environment={"A": "x" * 131069})) == []


def test_no_message_shows_the_value_of_a_variable() -> None:
    secrets = {
        "1A": "s3cret",
        "A": "s3cret\0",
        "B": "s3cret\udcff",
        "C": "s3cret" * 99999,
        "D": ["s3cret"],
        "CELERY_APP": "s3cret",
    }
    found = problems_of(environment(environment=secrets))
    assert len(found) == len(secrets)
    assert "s3cret" not in "".join(found)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["celery_environments is not set", "celery_environments: [live, uat]"]),
        (["Live"], ["celery_environments[0] is 'Live'", "lower-case letter"]),
        (["worker"], ["celery_environments[0] is worker", "Choose another name"]),
        (["beat_live"], ["celery_environments[0] is beat_live", "Choose another name"]),
        (["live", "live"], ["celery_environments[1] is live a second time"]),
        (["prod"], ["celery_environments[0] is prod", "no group prod", "Add [prod]"]),
    ],
)
def test_message_about_names(names: list[str], expected: list[str]) -> None:
    (problem,) = problems(names, {}, GROUPS, "app1")
    for part in expected:
        assert part in problem


@pytest.mark.parametrize(
    ("live", "uat", "expected"),
    [
        (environment(), environment(user="live"), ["celery_live.user is live, as for uat", "shared_user: true"]),
        (
            environment(group="celery"),
            environment(group="celery"),
            ["celery_live.group is celery, as for uat on this host", "shared_group: true"],
        ),
        (environment(group="uat"), environment(group="webapps"), ["celery_live.group is uat, as for uat on this host"]),
        (
            environment(),
            worker(sandbox={"SupplementaryGroups": "redis live"}),
            ["celery_uat.sandbox.SupplementaryGroups[1] is live, as for live on this host"],
        ),
        (environment(), environment(home="/home/live"), ["celery_live.home is /home/live, the home of uat"]),
        (environment(), environment(home="/home/live/uat"), ["celery_live.home is /home/live, above the home of uat"]),
        (environment(home="/home/uat/x"), environment(), ["celery_live.home is /home/uat/x, below the home of uat"]),
        (
            environment(workers=[{"name": "w1", "unit": "celery.service"}]),
            environment(workers=[{"name": "w1", "unit": "celery.service"}]),
            ["celery_uat.workers w1 and celery_live.workers w1 have the same unit on this host: celery.service"],
        ),
        (
            environment(workers=[{"name": "w1", "env_file": "/etc/edc.env"}]),
            environment(workers=[{"name": "w1", "env_file": "/etc/edc.env"}]),
            ["have the same env_file on this host: /etc/edc.env"],
        ),
        (
            environment(shared_broker=True, environment={"CELERY_BROKER_URL": "redis://db1"}),
            environment(shared_broker=True, environment={"CELERY_BROKER_URL": "redis://db1"}),
            ["have the same node on this host: w1@%h"],
        ),
        (
            flower(basic_auth=["ann:x"]),
            flower(basic_auth=["ann:x"], address="127.0.0.2"),
            ["celery_uat.flower and celery_live.flower have the same port on this host: 5555. Set port in one"],
        ),
    ],
)
def test_environments_that_collide(live: Any, uat: Any, expected: list[str]) -> None:
    found = problems_of(live, uat)
    for part in expected:
        assert part in found[0]


def test_a_worker_called_beat_beside_beat() -> None:
    found = problems_of(environment(workers=[{"name": "beat"}], beat={"host": "app1"}))
    assert "celery_live.beat and celery_live.workers beat have the same unit on this host" in found[0]


def test_two_workers_of_one_node_name() -> None:
    found = problems_of(environment(workers=[{"name": "w1"}, {"name": "w2", "node": "w1@%h"}]))
    assert "celery_live.workers w2 and celery_live.workers w1 have the same node" in found[0]


def test_units_of_one_name_on_different_hosts() -> None:
    workers = [
        {"name": "a", "unit": "edc.service", "hosts": ["app1"]},
        {"name": "b", "unit": "edc.service", "hosts": ["app2"]},
    ]
    assert problems_of(environment(workers=workers)) == []


def test_a_group_that_is_meant_to_be_shared() -> None:
    shared = environment(group="celery", shared_group=True)
    assert problems_of(shared, shared) == []
    assert "celery_uat.group" in problems_of(shared, environment(group="celery"))[0]


@pytest.mark.parametrize("group", ["www-data", "apache", "webapps", "users", "nginx"])
def test_a_group_of_people_or_of_a_web_server(group: str) -> None:
    assert problems_of(environment(group=group, sandbox={"SupplementaryGroups": "redis docker"})) == []


def test_homes_that_begin_alike() -> None:
    assert problems_of(environment(home="/home/li"), environment(home="/home/live")) == []


def test_a_user_that_is_meant_to_be_shared() -> None:
    assert problems_of(environment(shared_user=True), environment(user="live", shared_user=True)) == []


def test_an_environment_outside_the_limit_may_be_broken() -> None:
    assert problems_of(environment(), {"app": 1}, limit="live") == []


def test_an_environment_outside_the_limit_still_collides() -> None:
    assert (
        "celery_live.user is live, as for uat" in problems_of(environment(), environment(user="live"), limit="live")[0]
    )


@pytest.mark.parametrize(
    ("live", "uat"),
    [
        ("redis://db1", "redis://db1:6379/0"),
        ("redis://:one@db1/1", "rediss://two:three@DB1:6379/1"),
        ("redis://localhost/1", "redis://127.0.0.1/1"),
        ("redis://db1/0", "redis://db1?db=0"),
        ("redis+socket:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("amqp://a:b@db1//", "pyamqp://c:d@db1:5672"),
        ("amqp://db1/edc;amqp://db2/edc", "amqp://db2/edc"),
        ("sentinel://s1:26379/0;sentinel://s2:26379/0", "sentinel://s2/0"),
    ],
)
def test_environments_that_would_share_a_broker(live: str, uat: str) -> None:
    found = problems_of(with_broker(live), with_broker(uat))
    assert "celery_live.environment.CELERY_BROKER_URL leads to the same broker and database as that of uat" in found[0]
    assert "shared_broker: true" in found[0]


@pytest.mark.parametrize(
    ("live", "uat"),
    [
        ("redis://db1/0", "redis://db1/1"),
        ("redis://db1:6379", "redis://db1:6380"),
        ("amqp://db1/live", "amqp://db1/uat"),
        ("amqp://db1/live", "amqp://db2/live"),
        ("redis+socket:///run/live.sock", "redis+socket:///run/uat.sock"),
    ],
)
def test_environments_with_brokers_of_their_own(live: str, uat: str) -> None:
    assert problems_of(with_broker(live), with_broker(uat)) == []


def test_no_message_about_brokers_shows_a_password() -> None:
    live = with_broker("redis://:s3cret@db1")
    assert "s3cret" not in "".join(problems_of(live, live) + problems_across_hosts(live, live))


@pytest.mark.parametrize("url", ["redis://:s3cret/x@db1/0", "redis://:s3cret#x@db1/0", "redis://:[s3cret@db1/0"])
def test_a_password_that_makes_no_url(url: str) -> None:
    (problem,) = problems_of(with_broker(url))
    assert "celery_live.environment.CELERY_BROKER_URL is not a URL" in problem
    assert "%2F" in problem
    assert "s3cret" not in problem


def problems_across_hosts(live: Any, uat: Any, limit: str = "") -> list[str]:
    """Return the problems of app1, which is in live only, while uat is on app2."""
    groups = {"live": ["app1"], "uat": ["app2"]}
    return problems(["live", "uat"], {"live": live}, groups, "app1", limit, {"app2": {"celery_uat": uat}})


@pytest.mark.parametrize(
    ("live", "uat"),
    [
        ("redis://:one@DB1", "rediss://:two@db1:6379/0"),
        ("amqp://a:b@db1//", "pyamqp://c:d@db1:5672"),
        ("redis://localhost/1", "redis://app1/1"),
        ("redis://app2/1", "redis://127.0.0.1/1"),
    ],
)
@pytest.mark.parametrize("limit", ["", "live"])
def test_environments_on_two_hosts_that_would_share_a_broker(live: str, uat: str, limit: str) -> None:
    (problem,) = problems_across_hosts(with_broker(live), with_broker(uat), limit)
    assert "celery_live.environment.CELERY_BROKER_URL leads to the same broker and database as that of uat" in problem
    assert problems_across_hosts(with_broker(live, shared_broker=True), with_broker(uat), limit) == []


def test_the_broker_of_a_service_counts_too() -> None:
    url = {"CELERY_BROKER_URL": "redis://db1"}
    beat = environment(beat={"host": "app1", "environment": url})
    assert problems_across_hosts(beat, worker(environment=url))
    assert problems_across_hosts(worker(environment=url), beat)


@pytest.mark.parametrize(
    ("live", "uat"),
    [
        (with_broker("redis://localhost"), with_broker("redis://localhost")),
        (with_broker("redis+socket:///run/r.sock"), with_broker("redis+socket:///run/r.sock")),
        (with_broker("redis://db1/1"), with_broker("redis://db1/2")),
        (environment(), environment()),
        (with_broker("redis://db1"), None),
        (with_broker("redis://db1"), "no dict"),
        (with_broker("redis://db1"), {"workers": 1, "beat": "db1", "environment": ["redis://db1"]}),
        (with_broker("redis://db1"), with_broker("redis://:x/@db1")),
    ],
)
def test_environments_on_two_hosts_that_do_not_meet(live: Any, uat: Any) -> None:
    assert problems_across_hosts(live, uat) == []
