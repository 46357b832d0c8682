# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell systemd when a Celery worker, beat or Flower is ready, what it does, and that it lives.

Celery loads this module through its plugin group ``celery.commands``, so the application needs no change. Without
``NOTIFY_SOCKET`` in the environment it does nothing. The protocol is that of sd_notify(3) and sd_watchdog_enabled(3).

The watchdog is fed by a thread of the operating system, also under gevent and eventlet. The main loop renews a stamp.
When the stamp is old, the thread looks at what the main thread is in: a task, the shutdown and a call to the broker are
healthy; with anything else the main loop hangs, the thread stops feeding and systemd restarts the service.
"""

from __future__ import annotations

import _socket
import atexit
import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Callable, Iterator, MutableMapping, NamedTuple, Sequence

import click
from celery import signals
from celery.bootsteps import StartStopStep
from celery.worker import state as worker_state
from celery_drain import Drain
from celery_overlap import Overlap, clock, moment, original, take_overlap
from celery_prefetch import PrefetchInLoop
from celery_results import WholeResults
from celery_settle import Settle

if TYPE_CHECKING:
    from types import FrameType

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
LONGEST_INTERVAL = 5.0
LONGEST_LOOK = 1.0  # for what the other processes of the service want; tasks are to be given back within 3 seconds
DEFAULT_TIMEOUT = 60.0
LONGEST_START = 300.0  # for a new start by SIGHUP; otherwise TimeoutStartSec= ends it
LONGEST_CALL = 1000.0  # the kernel gives an unanswered connection up after 924.6 s: tcp_retries2 in ip-sysctl

STOPPING = "stopping, waits for running tasks"
BROKER = "broker unreachable"
SHUTDOWN = ("celery.apps.worker", "_handle_request")
TASK = "celery.app.trace"
CONNECTING = ("kombu.utils.functional", "retry_over_time")
BLOCKING = frozenset({"selectors", "socket", "ssl", "threading"})
WAITS = {
    "amqp": BROKER,
    "billiard.pool": "waiting for a free process",
    "kombu": BROKER,
    "redis": BROKER,
    "redis.lock": "waiting for a lock",
}


class Service(NamedTuple):
    """What systemd started this process as.

    ``address`` is the notification socket, ``timeout`` the watchdog's in seconds (0: there is none), ``pid`` the
    process that notifies, ``environment`` the variables that systemd set for it.
    """

    address: str
    timeout: float
    pid: int
    environment: dict[str, str]


def pop_service(environ: MutableMapping[str, str], pid: int) -> Service | None:
    """Take systemd's variables out of ``environ``, lest a program that a task starts (podman, say) notifies as well."""
    taken = {name: environ.pop(name) for name in VARIABLES if name in environ}
    if "NOTIFY_SOCKET" not in taken:
        return None
    watched = taken.get("WATCHDOG_PID", str(pid)) == str(pid)
    timeout = int(taken.get("WATCHDOG_USEC", "0")) / 1e6 if watched else 0.0
    return Service(taken["NOTIFY_SOCKET"], timeout, pid, taken)


def notify(address: str, *assignments: str) -> None:
    """Send ``assignments`` like ``READY=1`` to systemd. Raises OSError if its socket cannot be reached."""
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        sock.sendto("\n".join(assignments).encode(), "\0" + address[1:] if address.startswith("@") else address)
    finally:
        sock.close()


def calls(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    """Yield module and name of the functions that ``frame`` is in, innermost first."""
    while frame is not None:
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_name
        frame = frame.f_back


def explain_delay(stack: Sequence[tuple[str, str]], late: float) -> str:
    """Say why a main loop is healthy that is ``late`` seconds and in the ``calls`` of ``stack``; '' if it hangs."""
    modules = [module for module, _name in stack]
    if TASK in modules:
        return "busy with a task"
    if SHUTDOWN in stack:
        return "stopping"
    if CONNECTING in stack:
        return BROKER
    caller = next((module for module in modules if module not in BLOCKING), "")
    reason = WAITS.get(caller) or WAITS.get(caller.partition(".")[0], "")
    return "" if reason == BROKER and late > LONGEST_CALL else reason


class Watch:
    """What the main thread does: it writes this down itself, a second thread tells systemd."""

    def __init__(self, service: Service, work: Callable[[], str], overlap: Overlap | None = None) -> None:
        """Watch the calling thread. ``work`` says how much it has to do; the second thread calls it."""
        self.service = service
        self.overlap = overlap
        self.work = work
        timeout = service.timeout or DEFAULT_TIMEOUT
        self.patience = timeout / 2
        self.interval = min(LONGEST_INTERVAL, timeout / 4)
        self.main = original("_thread", "get_ident")()
        self.loop("starting")
        self.renew(LONGEST_START)

    def renew(self, pause: float = 0.0) -> None:
        """Say that the main loop lives and says so again after ``pause`` seconds."""
        self.expected = time.monotonic() + pause

    def loop(self, state: str) -> None:
        """Enter a state in which the main loop renews."""
        self.renew()
        self.state, self.loops = state, True

    def wait(self, state: str) -> None:
        """Enter a state in which it need not."""
        if self.loops or not self.state.startswith(state):
            self.state, self.loops = f"{state} since {clock(time.time())}", False

    def report(self) -> tuple[str, bool]:
        """Return the status and whether the process is healthy."""
        late = time.monotonic() - self.expected if self.loops else 0.0
        if late < self.patience:
            return self.state + self.work(), True
        reason = explain_delay(tuple(calls(sys._current_frames().get(self.main))), late)
        return f"{reason or 'main loop hangs'} since {clock(time.time() - late)}{self.work()}", bool(reason)

    def tell(self, *assignments: str) -> None:
        """Send systemd ``assignments``, the status, and the watchdog's food if the process is healthy.

        A process that drains tells the main process instead, and one that is not the main one yet who started it.
        """
        status, healthy = self.report()
        if self.overlap is None:
            notify(self.service.address, *assignments, f"STATUS={status}", *["WATCHDOG=1"] * healthy)
        elif self.overlap.drains_since:
            self.overlap.report(f"drains since {moment(self.overlap.drains_since)}{self.work()}")
        else:
            status += self.overlap.others()
            with self.overlap.left_alone():
                notify(self.overlap.address, *assignments, f"STATUS={status}", *["WATCHDOG=1"] * healthy)

    def start(self) -> None:
        """Tell systemd regularly from now on."""
        pause = self.overlap.wait if self.overlap else original("time", "sleep")

        def run() -> None:
            while True:
                pause(self.interval)
                with suppress(OSError):
                    self.tell()

        original("_thread", "start_new_thread")(run, ())


class Connection(StartStopStep):
    """The part of a worker's consumer that enters into ``watch`` what becomes of its connection to the broker."""

    requires = ("celery.worker.consumer:Connection",)
    watch: Watch
    connected: object = None

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        """Enter that the application is loaded."""
        super().__init__(parent, **kwargs)
        self.watch.wait(f"connecting to {parent.conninfo.as_uri()}")

    def start(self, parent: Any) -> None:
        """Renew by the main loop's timer, or where that is a thread by what the main loop calls in each pass."""
        self.connected = connected = object()
        timer_in_loop = parent.hub or getattr(parent.pool, "is_green", False)
        renew = self.watch.renew if timer_in_loop else partial(parent.call_soon, self.watch.renew)

        pause = min(self.watch.interval, LONGEST_LOOK) if self.watch.overlap else self.watch.interval

        def tick() -> None:
            if self.connected is connected:
                renew()
                parent.timer.call_after(pause, tick)
                if self.watch.overlap:
                    Drain.current.look(parent)

        self.watch.loop(f"connected to {parent.connection.as_uri()}")
        tick()

    def stop(self, parent: Any) -> None:
        """Enter the loss of the connection."""
        if self.connected:
            self.connected = None
            self.watch.wait(BROKER)

    def close(self, parent: Any) -> None:
        """Enter the shutdown. Celery sends no signal when it is by remote control; after SIGHUP the process goes on."""
        self.connected = None
        self.watch.wait(STOPPING)
        if worker_state.should_stop is None:
            self.watch.tell("STOPPING=1")


def worker_work() -> str:
    """Return how much a worker has to do."""
    running = len(worker_state.active_requests)
    reserved = max(len(worker_state.reserved_requests) - running, 0)
    return f"; {running} running, {reserved} reserved, {worker_state.all_total_count[0]} in total"


def do_without_load_average() -> None:
    """Let a worker live where nobody tells it the load of the host, which its events carry: it is 0 then.

    The C library of Debian 11 reads /proc/loadavg, which ``ProcSubset=pid`` hides, and the error would have the worker
    connect again for ever.
    """
    try:
        os.getloadavg()
    except OSError:
        sysinfo: Any = import_module("celery.utils.sysinfo")
        sysinfo._load_average = lambda: (0.0, 0.0, 0.0)


def notify_for_worker(service: Service, overlap: Overlap | None) -> None:
    """Notify for ``celery worker``."""

    def on_init(instance: Any, **_: Any) -> None:
        Connection.watch = watch = Watch(service, worker_work, overlap)
        do_without_load_average()
        instance.app.steps["consumer"].add(Connection)
        instance.app.steps["worker"].update((WholeResults, Settle, PrefetchInLoop))
        if overlap:
            Drain.overlap = overlap
            instance.app.steps["worker"].add(Drain)
            atexit.register(overlap.outlive)

        def on_stop(**_: Any) -> None:
            watch.wait(STOPPING)
            if overlap:
                overlap.stop_others()
            watch.tell("STOPPING=1")

        def on_shutdown(**_: Any) -> None:
            own = {"NOTIFY_SOCKET": overlap.address, **overlap.environment()} if overlap else {}
            os.environ.update({**service.environment, **own})

        signals.worker_ready.connect(lambda **_: watch.tell("READY=1"), weak=False)
        signals.worker_shutting_down.connect(on_stop, weak=False)
        signals.worker_shutdown.connect(on_shutdown, weak=False)
        watch.start()

    signals.celeryd_init.connect(on_init, weak=False)


def follow_beat(service: Service) -> None:
    """Notify for ``celery beat``, whatever its scheduler, but not for a beat that a worker started."""

    def on_init(sender: Any, **_: Any) -> None:
        if os.getpid() != service.pid:
            return
        sent, last = 0, ""
        watch = Watch(service, lambda: f"; {sent} sent{last}")
        tick = sender.scheduler.tick

        def on_publish(**_: Any) -> None:
            nonlocal sent, last
            sent, last = sent + 1, f", the last at {moment(time.time())}"

        def renewing_tick(*args: Any, **kwargs: Any) -> Any:
            watch.renew()
            pause = tick(*args, **kwargs)
            watch.renew(max(pause or 0.0, 0.0))
            return pause

        sender.scheduler.tick = renewing_tick
        signals.after_task_publish.connect(on_publish, weak=False)
        watch.loop("scheduling")
        watch.tell("READY=1")
        watch.start()

    signals.beat_init.connect(on_init, weak=False)


class Observation:
    """What becomes of Flower's connection to the broker, which a thread of its own keeps."""

    def __init__(self, uri: str) -> None:
        """Say that it is to be made."""
        self.connected = False
        self.state = f"connecting to {uri} since {clock(time.time())}"

    def begin(self, uri: str) -> None:
        """Say that it is made."""
        self.connected, self.state = True, f"connected to {uri}"

    def end(self) -> None:
        """Say that it is lost, if it was there."""
        if self.connected:
            self.connected, self.state = False, f"{BROKER} since {clock(time.time())}"


def observe_events(observation: Observation, on_ready: Callable[[], object]) -> None:
    """Let Celery's receiver of events enter its connection into ``observation`` and call ``on_ready`` each time.

    It also tries to connect every few seconds. Flower doubles its pause each time, and is blind as long again as the
    broker was away.
    """
    receiver: Any = import_module("celery.events").EventReceiver
    begin, capture, on_consume_ready = receiver.__init__, receiver.capture, receiver.on_consume_ready

    def connected_begin(self: Any, channel: Any, *args: Any, **kwargs: Any) -> None:
        channel.ensure_connection(interval_max=LONGEST_INTERVAL)
        begin(self, channel, *args, **kwargs)

    def watched_capture(*args: Any, **kwargs: Any) -> Any:
        try:
            return capture(*args, **kwargs)
        finally:
            observation.end()

    def on_watched_ready(self: Any, connection: Any, *args: Any, **kwargs: Any) -> None:
        on_consume_ready(self, connection, *args, **kwargs)
        observation.begin(connection.as_uri())
        on_ready()

    patched = {"__init__": connected_begin, "capture": watched_capture, "on_consume_ready": on_watched_ready}
    for name, method in patched.items():
        setattr(receiver, name, method)


def flower_url(options: Any) -> str:
    """Return where Flower listens, which takes no secret."""
    host = f"[{options.address}]" if ":" in options.address else options.address or "*"
    path = f"/{options.url_prefix.strip('/')}/" if options.url_prefix else "/"
    return f"http{'s' * bool(options.certfile)}://{host}:{options.port}{path}"


def exit_without_threads() -> None:
    """End the process with what it does at its end, but without its threads: one may wait for the broker for hours."""
    try:
        atexit._run_exitfuncs()
    finally:
        os._exit(0)


def follow_flower(service: Service) -> None:
    """Notify for ``celery flower``, which imports the tasks, binds its port and starts its loop, in this order."""

    def on_import(sender: Any, **_: Any) -> None:
        context = click.get_current_context(silent=True)
        if context is None or context.info_name != "flower":
            return
        ioloop: Any = sys.modules["tornado.ioloop"]
        options: Any = sys.modules["tornado.options"].options
        loop = ioloop.IOLoop.current()
        observation = Observation(sender.connection().as_uri())
        watch = Watch(service, lambda: f"; {observation.state}")
        unready = ["READY=1"]

        def on_loop() -> None:
            watch.loop(f"listening at {flower_url(options)}")
            signal.signal(signal.SIGTERM, on_stop)

        def on_stop(*_: object) -> None:
            watch.wait("stopping, saves what it saw")
            with suppress(OSError):
                watch.tell("STOPPING=1")
            exit_without_threads()

        def on_ready() -> None:
            watch.tell(*unready)
            unready.clear()

        loop.add_callback(on_loop)
        observe_events(observation, partial(loop.add_callback, on_ready))
        ioloop.PeriodicCallback(watch.renew, watch.interval * 1000).start()
        watch.start()

    signals.import_modules.connect(on_import, weak=False)


def describe(service: Service | None) -> str:
    """Say in a sentence how this process notifies."""
    if service is None:
        return "NOTIFY_SOCKET is not set: this process tells systemd nothing."
    watchdog = f"within every {service.timeout:g} s" if service.timeout else "without a watchdog"
    return f"This process tells systemd its state through {service.address}, {watchdog}."


SERVICE = pop_service(os.environ, os.getpid())
OVERLAP = take_overlap(os.environ, SERVICE.address if SERVICE else "")
if SERVICE:
    notify_for_worker(SERVICE, OVERLAP)
    follow_beat(SERVICE)
    follow_flower(SERVICE)


@click.command()
def systemd() -> None:
    """Show whether and how this process tells systemd its state."""
    click.echo(describe(SERVICE))
