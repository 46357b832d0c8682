# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""celery_systemd: its decisions, without a process of Celery."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.systemd import LIBRARY
from celery.utils import sysinfo

LOOP = ("kombu.asynchronous.hub", "create_loop")
REDIS = ("redis.connection", "read_response")
RETRY = ("kombu.utils.functional", "retry_over_time")
USER = ("proj.control", "export")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


@pytest.fixture
def service(module: Any, listener: socket.socket) -> Any:
    return module.Service(listener.getsockname(), 60.0, os.getpid(), {})


def test_variables_of_systemd_are_taken_out_of_the_environment(module: Any) -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7", "HOME": "/home/live"}
    service = module.pop_service(environ, 7)
    assert (service.address, service.timeout, service.pid) == ("/run/n", 30.0, 7)
    assert environ == {"HOME": "/home/live"}
    assert {**environ, **service.environment}["WATCHDOG_PID"] == "7"


def test_a_watchdog_of_another_process_is_not_ours(module: Any) -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}
    assert module.pop_service(environ, 7).timeout == 0.0


def test_without_a_socket_there_is_no_service(module: Any) -> None:
    environ = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}
    assert module.pop_service(environ, 7) is None
    assert environ == {}


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_arrive_at_both_kinds_of_sockets(module: Any, tmp_path: Path, abstract: bool) -> None:
    name = f"{tmp_path}/socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}" if abstract else name)
        module.notify(f"@{name}" if abstract else name, "READY=1", "STATUS=größer")
        assert sock.recv(100).decode() == "READY=1\nSTATUS=größer"


def test_a_socket_that_is_gone_is_an_error(module: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        module.notify(str(tmp_path / "gone"), "READY=1")


def test_a_host_that_does_not_tell_its_load_has_none(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the sandbox on Debian 11; a task gets the error that the host gives."""

    def unobtainable() -> None:
        raise OSError("Load averages are unobtainable")

    monkeypatch.setattr(sysinfo, "_load_average", sysinfo._load_average)
    module.do_without_load_average()
    assert sysinfo.load_average() != (0.0, 0.0, 0.0)
    monkeypatch.setattr("os.getloadavg", unobtainable)
    with pytest.raises(OSError, match="unobtainable"):
        sysinfo.load_average()
    module.do_without_load_average()
    assert sysinfo.load_average() == (0.0, 0.0, 0.0)
    with pytest.raises(OSError, match="unobtainable"):
        os.getloadavg()


@pytest.mark.parametrize(
    ("stack", "late", "reason"),
    [
        pytest.param([LOOP], 30, "broker unreachable", id="kombu waits"),
        pytest.param([("socket", "readinto"), REDIS, LOOP], 30, "broker unreachable", id="a call to redis"),
        pytest.param([("ssl", "read"), ("amqp.transport", "read")], 30, "broker unreachable", id="a call to amqp"),
        pytest.param([("socket", "readinto"), REDIS, LOOP], 1001, "", id="a call that the kernel has given up"),
        pytest.param([USER, REDIS, RETRY, LOOP], 9999, "broker unreachable", id="attempts to connect"),
        pytest.param([("redis.lock", "acquire"), USER], 9999, "waiting for a lock", id="a second RedBeat"),
        pytest.param(
            [("threading", "wait"), ("billiard.pool", "acquire"), LOOP], 9999, "waiting for a free process", id="full"
        ),
        pytest.param([USER, ("celery.app.trace", "trace_task"), LOOP], 9999, "busy with a task", id="a task in solo"),
        pytest.param([USER, ("celery.apps.worker", "_handle_request"), LOOP], 9999, "stopping", id="soft shutdown"),
        pytest.param([USER, ("kombu.pidbox", "dispatch"), LOOP], 30, "", id="a remote command"),
        pytest.param([("threading", "acquire"), USER, LOOP], 30, "", id="a deadlock"),
        pytest.param([USER, ("celery.apps.worker", "on_consumer_ready"), LOOP], 30, "", id="a handler of worker_ready"),
        pytest.param([], 30, "", id="unknown"),
    ],
)
def test_what_a_late_main_loop_is_in_tells_whether_it_hangs(module: Any, stack: Any, late: float, reason: str) -> None:
    assert module.explain_delay(stack, late) == reason


def test_calls_are_listed_from_the_innermost(module: Any) -> None:
    def inner() -> list[tuple[str, str]]:
        return list(module.calls(sys._getframe()))

    assert inner()[:2] == [
        (__name__, "inner"),
        (__name__, "test_calls_are_listed_from_the_innermost"),
    ]


def test_a_main_loop_that_renews_is_fed(module: Any, service: Any, listener: socket.socket) -> None:
    watch = module.Watch(service, lambda: "; 2 running")
    watch.loop("connected to redis://broker")
    watch.tell("READY=1")
    assert listener.recv(1000).decode().splitlines() == [
        "READY=1",
        "STATUS=connected to redis://broker; 2 running",
        "WATCHDOG=1",
    ]


def test_a_main_loop_that_is_late_is_not_fed(module: Any, service: Any, listener: socket.socket) -> None:
    watch = module.Watch(service, str)
    watch.loop("connected to redis://broker")
    watch.renew(-31)
    moments = [time.time() - 31]
    watch.tell()
    moments.append(time.time() - 31)
    said = {f"STATUS=main loop hangs since {time.strftime('%H:%M:%S', time.localtime(one))}" for one in moments}
    assert listener.recv(1000).decode() in said


def test_a_main_loop_may_announce_a_pause(module: Any, service: Any) -> None:
    watch = module.Watch(service, str)
    watch.loop("scheduling")
    watch.renew(300)
    watch.expected -= 300
    assert watch.report() == ("scheduling", True)


def test_a_long_start_is_healthy_but_not_an_endless_one(module: Any, service: Any) -> None:
    watch = module.Watch(service, str)
    watch.expected -= 300
    assert watch.report() == ("starting", True)
    watch.expected -= 31
    assert not watch.report()[1]


def test_a_state_in_which_nobody_renews_is_healthy_and_keeps_its_beginning(module: Any, service: Any) -> None:
    watch = module.Watch(service, str)
    watch.wait("broker unreachable")
    watch.renew(-9999)
    first = watch.report()
    time.sleep(1.01)
    watch.wait("broker unreachable")
    assert first[0].startswith("broker unreachable since ")
    assert watch.report() == first == (first[0], True)


def test_the_status_is_told_several_times_within_the_timeout(module: Any, service: Any) -> None:
    intervals = [module.Watch(service._replace(timeout=timeout), str).interval for timeout in (4.0, 60.0, 0.0)]
    assert intervals == [1.0, 5.0, 5.0]


def test_the_second_thread_goes_on_when_systemd_does_not_listen(module: Any, service: Any, tmp_path: Path) -> None:
    watch = module.Watch(service._replace(timeout=0.04, address=str(tmp_path / "gone")), str)
    before = threading.active_count()
    watch.start()
    time.sleep(0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "gone"))
        sock.settimeout(5)
        assert b"STATUS=" in sock.recv(1000)
    assert threading.active_count() == before, "it is not a thread of Python's, which Celery would count and join"


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_the_second_thread_is_not_a_green_one(module: Any, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patched = {"gevent": "gevent.monkey", "eventlet": "eventlet.patcher"}
    originals = SimpleNamespace(sleep="original")
    monkeypatch.delitem(sys.modules, patched["gevent"], raising=False)
    monkeypatch.setitem(
        sys.modules,
        patched[library],
        SimpleNamespace(
            is_module_patched=lambda name: name == "time",
            get_original=lambda name, item: getattr(originals, item),
            original=lambda name: originals,
        ),
    )
    assert module.original("time", "sleep") == "original"


class Consumer:
    """What a bootstep sees of a worker's consumer; ``due`` is what the timer calls next."""

    def __init__(self, *, hub: object = None, green: bool = False) -> None:
        self.hub = hub
        self.pool = SimpleNamespace(is_green=green)
        self.connection = self.conninfo = SimpleNamespace(as_uri=lambda: "redis://:**@broker/0")
        self.due: list[Any] = []
        self.soon: list[Any] = []
        self.timer = SimpleNamespace(call_after=lambda seconds, call: self.due.append(call))

    def call_soon(self, call: Any) -> None:
        self.soon.append(call)

    def pass_time(self) -> None:
        due, self.due = self.due, []
        for call in due:
            call()


@pytest.fixture
def step(module: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module.Connection, "watch", module.Watch(service, str), raising=False)
    return module.Connection(Consumer())


def test_a_worker_that_never_had_its_broker_says_which(step: Any) -> None:
    step.watch.renew(-9999)
    status, healthy = step.watch.report()
    assert status.startswith("connecting to redis://:**@broker/0 since ")
    assert healthy


@pytest.mark.parametrize("consumer", [Consumer(hub="hub"), Consumer(green=True)], ids=["hub", "green"])
def test_a_timer_of_the_main_loop_renews(step: Any, consumer: Consumer) -> None:
    step.start(consumer)
    step.watch.renew(-9999)
    consumer.pass_time()
    assert step.watch.report() == ("connected to redis://:**@broker/0", True)
    assert consumer.due


def test_a_timer_with_its_own_thread_lets_the_main_loop_renew(step: Any) -> None:
    consumer = Consumer()
    step.start(consumer)
    step.watch.renew(-9999)
    consumer.pass_time()
    assert step.watch.report()[0].startswith("main loop hangs")
    consumer.soon[-1]()
    assert step.watch.report()[1]


def test_a_lost_connection_is_told_and_its_timer_ends(step: Any) -> None:
    consumer = Consumer(hub="hub")
    step.start(consumer)
    step.stop(consumer)
    assert step.watch.report()[0].startswith("broker unreachable since ")
    consumer.pass_time()
    assert consumer.due == []
    step.start(consumer)
    step.start(consumer)
    consumer.pass_time()
    assert len(consumer.due) == 1


@pytest.mark.parametrize(("should_stop", "first"), [(None, "STOPPING=1"), (0, "")], ids=["remote control", "SIGHUP"])
def test_a_shutdown_without_a_signal_of_celery_is_told(
    module: Any,
    step: Any,
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    should_stop: int | None,
    first: str,
) -> None:
    monkeypatch.setattr(module.worker_state, "should_stop", should_stop)
    consumer = Consumer(hub="hub")
    step.start(consumer)
    step.close(consumer)
    step.stop(consumer)
    step.watch.tell()
    assert listener.recv(1000).decode().startswith(first or "STATUS=stopping")
    assert step.watch.report()[0].startswith("stopping, waits for running tasks since ")


class Beat:
    """What a handler sees of celery.beat.Service."""

    def __init__(self) -> None:
        self.scheduler = SimpleNamespace(tick="tick")


def test_beat_inside_of_a_worker_does_not_notify(
    module: Any, service: Any, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.signals.beat_init, "receivers", [])
    module.follow_beat(service._replace(pid=service.pid + 1))
    beat = Beat()
    assert module.signals.beat_init.send(sender=beat) == [(ANY, None)]
    assert beat.scheduler.tick == "tick"
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.recv(1000)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"address": "127.0.0.1"}, "http://127.0.0.1:5555/"),
        ({"address": "::1", "url_prefix": "/live/flower/"}, "http://[::1]:5555/live/flower/"),
        ({"certfile": "/etc/cert.pem"}, "https://*:5555/"),
    ],
)
def test_the_address_of_flower_is_one_to_copy(module: Any, options: dict[str, str], url: str) -> None:
    all_options = {"address": "", "port": 5555, "url_prefix": None, "certfile": None, "basic_auth": ["ann:s3cret"]}
    assert module.flower_url(SimpleNamespace(**{**all_options, **options})) == url


def test_flower_says_since_when_the_broker_is_away(module: Any) -> None:
    observation = module.Observation("redis://:**@broker")
    observation.end()
    assert observation.state.startswith("connecting to redis://:**@broker since ")
    observation.begin("redis://:**@broker")
    assert observation.state == "connected to redis://:**@broker"
    observation.end()
    first = observation.state
    time.sleep(1.01)
    observation.end()
    assert observation.state == first
    assert first.startswith("broker unreachable since ")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "NOTIFY_SOCKET is not set: this process tells systemd nothing."),
        ({"NOTIFY_SOCKET": "/run/n"}, "This process tells systemd its state through /run/n, without a watchdog."),
        (
            {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000"},
            "This process tells systemd its state through /run/n, within every 60 s.",
        ),
    ],
)
def test_a_sentence_says_how_the_process_notifies(module: Any, variables: dict[str, str], sentence: str) -> None:
    assert module.describe(module.pop_service(variables, 7)) == sentence


def test_the_command_says_that_sentence() -> None:
    assert run("-m", "celery", "systemd", NOTIFY_SOCKET="/run/n").startswith("This process tells systemd its state")


def test_without_a_socket_nothing_happens() -> None:
    code = (
        "import os, celery.bin.celery, celery_systemd; from celery import signals;"
        "names = ('celeryd_init', 'beat_init', 'import_modules', 'worker_shutdown', 'worker_ready');"
        "print(len(os.listdir('/proc/self/task')), [len(getattr(signals, name).receivers) for name in names])"
    )
    assert run("-c", code) == "1 [0, 0, 0, 0, 0]"


def run(*arguments: str, **variables: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
    environment |= {"PYTHONPATH": str(LIBRARY), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
