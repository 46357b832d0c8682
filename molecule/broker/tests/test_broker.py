# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each environment works in the realm that the collection made for it, and enters no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet import denied, environ, files, on_host, owners, service
from tests.inventory import Inventory
from tests.pages import page
from tests.runs import changes, converged, refused
from tests.work import eventually

ENVIRONMENTS = {"live": "redis", "uat": "redis", "sales": "rabbitmq", "stock": "rabbitmq", "desk": "redis_socket"}
GUARDED = [name for name, kind in ENVIRONMENTS.items() if kind != "redis_socket"]
ATTACKS = (Path(__file__).parents[1] / "attacks.py").read_text(encoding="utf-8")
REDIS_ATTACKS = (Path(__file__).parents[1] / "redis_attacks.py").read_text(encoding="utf-8")
REACH = Path(__file__).parents[1] / "reach.py"
# What has no key and no channel among its arguments as that test writes them, and reaches nobody else.
HARMLESS = {
    "auth",
    "client|getname",
    "client|id",
    "client|setname",
    "discard",
    "echo",
    "exec",
    "hello",
    "multi",
    "object|help",
    "ping",
    "punsubscribe",
    "quit",
    "reset",
    "script|exists",
    "script|load",
    "select",
    "time",
    "unsubscribe",
    "unwatch",
    "xgroup|help",
    "xinfo|help",
    "xread",
    "xreadgroup",
}
OLDER = "/run/older/redis.sock"
SOCKET = "/run/redis-celery-desk/redis.sock"
OLD = "#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64'\n"
HIDE = "mount --bind /root/redis-server /usr/bin/redis-server"
UNITS = ("redis-celery.service", "rabbitmq-server.service")
OPEN = f"import socket; socket.socket(socket.AF_UNIX).connect('{SOCKET}')"
WHOAMI = "import json, shop; print(json.dumps(shop.whoami.delay().get(timeout=30)))"
SEND = "import shop; shop.whoami.apply_async(queue='kept', ignore_result=True); print(0)"
WORK = """
import json
import shop
from celery import chord

control = shop.app.control
ranked = [shop.begin.apply_async((0.5,), queue="ranked", priority=priority) for priority in (9, 6, 3, 0)]
control.add_consumer("ranked", reply=True)
last, late, early, first = [result.get(timeout=30) for result in ranked]
control.cancel_consumer("ranked", reply=True)
steps = chord(shop.add.s(number, number) for number in range(4))(shop.total.s())
print(json.dumps({
    "the urgent ones began first": max(first, early) < min(late, last),
    "chord": steps.get(timeout=30),
    "chain": (shop.add.s(1, 2) | shop.add.s(3)).delay().get(timeout=30),
    "stats": list(control.inspect().stats()),
}))
"""
TICKS = "import os, shop; print(int(shop.app.backend.client.get(os.environ['SHOP'] + ':ticks') or 0))"
COUNT = """
import shop

with shop.app.connection_for_read() as connection:
    declared = connection.default_channel.queue_declare("kept", durable=True, auto_delete=False)
    print(declared.message_count)
"""


def run(environment: str, script: str, *arguments: str) -> Any:
    """Run a script as the user and with the variables of an environment's worker; return the JSON that it prints."""
    worker = service("app1", f"celery-{environment}-w1")
    variables = environ(worker)
    passed = [f"{name}={variables[name]}" for name in variables if name.startswith(("CELERY_", "SHOP"))]
    python = ["/srv/shop/.venv/bin/python", "-", *arguments]
    command = ["env", "--chdir=/srv/shop", "PYTHONPATH=/srv/shop", *passed, *python]
    return json.loads(on_host("app1", *command, user=worker.user, stdin=script))


@contextmanager
def beside(name: str, *words: str) -> Iterator[None]:
    """Run a command of Celery as live's services run."""
    options = ["--collect", f"--unit={name}", "--uid=live", "--gid=live", "--working-directory=/srv/shop"]
    variables = "--property=EnvironmentFile=/etc/conf.d/celery-live-w1.conf"
    celery = ["/srv/shop/.venv/bin/celery", "--app=shop", *words]
    on_host("app1", "systemd-run", *options, variables, "--setenv=FLOWER_UNAUTHENTICATED_API=1", *celery)
    try:
        yield
    finally:
        on_host("app1", "systemctl", "stop", name)


def password(environment: str) -> str:
    """Return what the broker's host keeps."""
    return on_host("broker1", "cat", f"/etc/celery-broker/passwords/{environment}").strip()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_tasks_run(environment: str) -> None:
    """A task goes through the realm and comes back, run by the environment's worker as its user."""
    report = run(environment, WHOAMI)
    assert report == {"environment": environment, "user": environment, "node": "w1@app1", "queue": "celery"}


def test_whatever_celery_keeps_on_redis_works_in_the_realm() -> None:
    """Queues by priority, results that belong together, RedBeat's schedule and lock, and the events for Flower."""
    url = "http://127.0.0.1:5599/api"
    before = run("live", TICKS)
    beat = ("beat", "--scheduler=redbeat.RedBeatScheduler", "--max-interval=1")
    with beside("ticking", *beat), beside("watching", "flower", "--port=5599"):
        found = run("live", WORK)
        assert found == {"the urgent ones began first": True, "chord": 12, "chain": 6, "stats": ["w1@app1"]}
        eventually("ticks", lambda: run("live", TICKS) >= before + 2, 30)
        eventually("Flower", lambda: "w1@app1" in asked(f"{url}/workers?refresh=1"), 30)
        eventually("a task", lambda: bool(run("live", WHOAMI)) and "shop.whoami" in asked(f"{url}/tasks"), 20)
        assert '"name": "celery"' in asked(f"{url}/queues/length")


def asked(url: str) -> str:
    """Return what a page of app1 has, nothing if it is not there yet."""
    try:
        return page("app1", url)[1]
    except AssertionError:
        return ""


@pytest.mark.parametrize(
    ("attacker", "victim"), [("uat", "live"), ("live", "uat"), ("stock", "sales"), ("sales", "stock")]
)
def test_no_environment_enters_the_realm_of_another(attacker: str, victim: str) -> None:
    """It reads no queue and no result, sends nothing, consumes nothing, stops nobody. The victim can do all of it."""
    before = service("app1", f"celery-{victim}-w1")
    own = run(victim, ATTACKS, victim)
    assert set(own.values()) == {"reached"}, own
    found = run(attacker, ATTACKS, victim)
    assert set(found.values()) == {"denied"}, found
    assert service("app1", f"celery-{victim}-w1") == before


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """Yield the Redis of the broker's host, and the older one of the other Debian with its users: sockets by host."""
    users = on_host("broker1", "cat", "/etc/celery-broker/users.acl")
    on_host("app1", "sh", "-c", "mkdir -p /run/older; cat > /run/older/users.acl", stdin=users)
    options = ["--port", "0", "--aclfile", "/run/older/users.acl", "--unixsocket", OLDER, "--unixsocketperm", "777"]
    on_host("app1", "systemd-run", "--unit=older", "redis-server", *options)
    eventually("the older Redis", lambda: on_host("app1", "sh", "-c", f"test ! -S {OLDER} || echo up") != "", 20)
    yield {"broker1": "/run/redis-celery/redis.sock", "app1": OLDER}
    on_host("app1", "sh", "-c", "systemctl stop older; rm -r /run/older")


def url(user: str, host: str) -> str:
    """Return how a user reaches the Redis of a host from app1."""
    place = f"{user}:{password(user)}@"
    return f"unix://{place}{OLDER}" if host == "app1" else f"redis://{place}broker1:6379/0"


@pytest.mark.parametrize("host", ["app1", "broker1"])
def test_no_kind_of_command_leaves_the_realm(servers: dict[str, str], host: str) -> None:
    """One environment reaches no key and no channel of another with any type of data, and nothing of the server."""
    assert host in servers
    own = run("live", REDIS_ATTACKS, "live", url("live", host))
    found = run("uat", REDIS_ATTACKS, "live", url("uat", host))
    real = run("live", REDIS_ATTACKS, "live", url("celery-broker", host), "names of keys and channels")
    for outcomes, expected in (
        (own["realm"], "reached"),
        (found["realm"], "denied"),
        (own["server"], "denied"),
        (found["server"], "denied"),
        (real["server"], "reached"),
    ):
        assert {line: said for line, said in outcomes.items() if said != expected} == {}


@pytest.mark.parametrize("host", ["app1", "broker1"])
def test_every_command_of_the_server_keeps_to_the_realm(servers: dict[str, str], host: str) -> None:
    """Also those that nobody thought of: with names of others they are refused, but for a few that reach nothing."""
    secret = f"{password('celery-broker')}\n"
    on_host(host, "sh", "-c", "cat > /run/reach.py", stdin=REACH.read_text(encoding="utf-8"))
    found = set(json.loads(on_host(host, "python3", "/run/reach.py", servers[host], "uat", stdin=secret)))
    assert found - HARMLESS == set()
    assert {"auth", "ping", "multi"} <= found


def test_only_its_group_opens_the_socket() -> None:
    """The instance of desk runs as desk, and neither live nor nobody reaches it."""
    assert owners(service("app1", "celery-desk-w1")) == {"desk"}
    on_host("app1", "python3", "-c", OPEN, user="desk")
    for user in ("live", "nobody"):
        assert denied("app1", "python3", "-c", OPEN, user=user)


@pytest.mark.parametrize("name", [*GUARDED, "celery-broker"])
def test_passwords_are_for_root_only(name: str) -> None:
    """They are long, and in no unit and no command line."""
    path = f"/etc/celery-broker/passwords/{name}"
    assert on_host("broker1", "stat", "--format=%U:%G %a", path).strip() == "root:root 600"
    secret = password(name)
    assert len(secret) >= 43
    for host in ("app1", "broker1"):
        assert secret not in on_host(host, "sh", "-c", "cat /proc/[0-9]*/cmdline /etc/systemd/system/*.service")
        assert secret not in on_host(host, "journalctl", "--quiet", "--no-pager")


def test_nobody_enters_without_a_password_or_with_one_that_everybody_knows() -> None:
    """RabbitMQ's guest is gone, and Redis has no user without a name."""
    said = on_host("broker1", "sh", "-c", "redis-cli ping; rabbitmqctl --silent list_users")
    assert "NOAUTH" in said
    assert "guest" not in said


def test_the_management_page_shows_each_user_its_own_realm() -> None:
    """Of those that asked for it, and only on the host itself."""
    url = "http://127.0.0.1:15672/api/vhosts"
    status, text = page("broker1", url, f"sales:{password('sales')}")
    assert (status, [vhost["name"] for vhost in json.loads(text)]) == (200, ["sales"])
    for credentials in ("guest:guest", f"stock:{password('stock')}", ""):
        assert page("broker1", url, credentials)[0] == 401
    with pytest.raises(AssertionError, match="Connection refused"):
        page("app1", url.replace("127.0.0.1", "broker1"))


@pytest.mark.parametrize("environment", ["live", "sales"])
def test_messages_outlive_the_broker(environment: str) -> None:
    """What was sent is there after the broker was restarted, and the workers are back."""
    run(environment, SEND)
    before = run(environment, COUNT)
    for unit in UNITS:
        on_host("broker1", "systemctl", "restart", unit)
    assert run(environment, COUNT) == before > 0
    assert run(environment, WHOAMI)["user"] == environment


def test_a_second_run_changes_nothing_and_shows_no_secret() -> None:
    """However much it says."""
    secrets = {name: password(name) for name in GUARDED}
    kept = run("live", COUNT), run("sales", COUNT)
    output = converged("--diff", "-vvvvvv")
    assert changes(output) == {"app1": 0, "broker1": 0}
    assert {name: password(name) for name in GUARDED} == secrets
    assert [name for name in GUARDED if secrets[name] in output] == []
    assert (run("live", COUNT), run("sales", COUNT)) == kept


def test_a_run_without_the_brokers_host_finds_the_way_to_it() -> None:
    """It is asked for the passwords, and otherwise left alone."""
    assert changes(converged("-l", "live")) == {"app1": 0}


@pytest.mark.parametrize("trouble", ["ansible_host: nowhere\n", "ansible_python_interpreter: /nowhere\n"])
def test_the_services_are_seen_and_proven_while_the_brokers_host_cannot_be_asked(tmp_path: Path, trouble: str) -> None:
    """Only what takes the password is left out, and the table says so."""
    lost = Inventory(tmp_path / "inventory")
    (lost.directory / "host_vars").mkdir()
    (lost.directory / "host_vars" / "broker1.yml").write_text(trouble)
    converged("-l", "live", playbook="stalk.celery.verify", inventory=lost)
    table = converged("-l", "live", playbook="stalk.celery.status", inventory=lost)
    assert "1 environment on 1 host, 1 service: 1 running" in table
    assert "live: app1: not compared with the inventory" in table


def test_a_redis_that_cannot_keep_environments_apart_stops_the_run_before_the_first_change(tmp_path: Path) -> None:
    """As that of Debian 11 on the new host of a broker."""
    changed = Inventory(tmp_path / "inventory")
    changed.write("live", {**changed.environment("live"), "broker": {"host": "app1", "kind": "redis"}})
    on_host("app1", "sh", "-c", f"cat > /root/redis-server; chmod 755 /root/redis-server; {HIDE}", stdin=OLD)
    before = files("app1"), files("broker1")
    try:
        said = refused(inventory=changed)
    finally:
        on_host("app1", "umount", "/usr/bin/redis-server")
    assert "celery_live.broker: app1 has Redis 6.0.16, which cannot keep environments apart; 6.2.7 or later can" in said
    assert (files("app1"), files("broker1")) == before


def test_an_environment_is_added_without_a_restart_of_the_broker(tmp_path: Path) -> None:
    """Its user is there, and all others stay connected."""
    changed = Inventory(tmp_path / "inventory")
    names = [*ENVIRONMENTS, "late"]
    (changed.directory / "group_vars" / "all.yml").write_text(yaml.safe_dump({"celery_environments": names}))
    late = {"celery_late": {**changed.environment("live"), "environment": {"SHOP": "late"}}}
    (changed.directory / "group_vars" / "late.yml").write_text(yaml.safe_dump(late))
    with (changed.directory / "hosts.ini").open("a", encoding="utf-8") as hosts:
        hosts.write("\n[late]\napp1\n")
    show = ("systemctl", "show", "--property=MainPID", *UNITS)
    before = on_host("broker1", *show), service("app1", "celery-live-w1")
    assert changes(converged("-l", "broker1", inventory=changed)) == {"broker1": 1}
    assert (on_host("broker1", *show), service("app1", "celery-live-w1")) == before
    assert run("live", WHOAMI)["user"] == "live"
    url = f"redis://late:{password('late')}@127.0.0.1/0"
    assert "PONG" in on_host("broker1", "redis-cli", "-u", url, "ping")
