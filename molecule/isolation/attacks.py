# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one environment may try to do to another. A worker runs this as a task, a user as a program.

Each attack returns what it reached, or raises what denied it. The attacker knows all about the victim (``TARGET``): the
PID of its main process, its unit, its paths. Where an attack reached its goal, it does no more damage than that.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import redis
from celery import Celery
from kombu.exceptions import OperationalError

Attack = Callable[[], object]

ATTACKS: dict[str, Attack] = {}
DENIALS = (
    OSError,
    subprocess.CalledProcessError,
    redis.exceptions.AuthenticationError,
    redis.exceptions.NoPermissionError,
)
LIBC = ctypes.CDLL(None, use_errno=True)
NOTIFY_SOCKET = "/run/systemd/notify"
PTRACE_SEIZE = 0x4206
IPC_CREAT = 0o1000
TARGET: dict[str, Any] = {}


class MissedError(OSError):
    """An attack reached nothing, although nothing was denied."""


def attack(function: Attack) -> Attack:
    """Add an attack to the list, under the name of its function."""
    ATTACKS[function.__name__] = function
    return function


def attempt(target: dict[str, Any], names: list[str] | None = None) -> dict[str, list[str]]:
    """Make all attacks, or some of them; return of each how it ended, and why."""
    TARGET.update(target)
    return {name: _outcome(ATTACKS[name]) for name in names or ATTACKS}


def _outcome(function: Attack) -> list[str]:
    try:
        return ["reached", repr(function())[:200]]
    except DENIALS as error:
        said = getattr(error, "stderr", "") or ""
        return ["denied", f"{type(error).__name__}: {error} {said}".strip()[:300]]
    except Exception as error:
        return ["broken", f"{type(error).__name__}: {error}"[:300]]


def run(*command: str) -> str:
    """Return what a command prints. Raises CalledProcessError."""
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 20}
    return subprocess.run(command, check=True, **options).stdout


def systemctl(*arguments: str) -> str:
    """Run systemctl, which must not wait for a password."""
    return run("systemctl", "--no-ask-password", *arguments)


def checked(result: int) -> int:
    """Return what a function of the C library returned. Raises OSError if it failed."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def in_child(function: Attack) -> str:
    """Do in a process of its own what would last as long as this one. Raises OSError with the error of the child."""
    child = os.fork()
    if child == 0:
        status = 0
        try:
            function()
        except OSError as error:
            status = error.errno or 255
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, os.strerror(status))
    return "in a child"


def append(path: str) -> str:
    """Open a file for writing, without writing to it."""
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    return path


def create(path: str) -> str:
    """Create a file and remove it again."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)
    return path


def read(path: str) -> bytes:
    """Return the beginning of a file."""
    with open(path, "rb") as file:
        return file.read(80)


def secret_in(text: str) -> str:
    """Return where a text has a secret of the victim. Raises MissedError if it has none."""
    position = text.find(TARGET["secret"])
    if position < 0:
        raise MissedError(f"no secret in {len(text)} characters")
    return f"at {position}"


def proc(name: str) -> str:
    """Return the path of a file that tells about the victim's main process."""
    return f"/proc/{TARGET['pid']}/{name}"


# Files


@attack
def read_env_file() -> object:
    return read("/etc/conf.d/celery-live-w1.conf")


@attack
def write_env_file() -> object:
    return append("/etc/conf.d/celery-live-w1.conf")


@attack
def write_unit() -> object:
    return append("/etc/systemd/system/celery-live-w1.service")


@attack
def add_drop_in() -> object:
    path = "/etc/systemd/system/celery-live-w1.service.d"
    os.mkdir(path)
    os.rmdir(path)
    return path


@attack
def add_transient_unit() -> object:
    return create("/run/systemd/system/celery-live-new.service")


@attack
def list_logs() -> object:
    return os.listdir("/var/log/celery-live")


@attack
def read_log() -> object:
    return read("/var/log/celery-live/w1.log")


@attack
def write_log() -> object:
    return append("/var/log/celery-live/w1.log")


@attack
def list_home() -> object:
    return os.listdir("/home/live")


@attack
def read_code() -> object:
    return read("/home/live/edc/meta_edc/settings/live.py")


@attack
def write_code() -> object:
    return append("/home/live/edc/meta_edc/settings/live.py")


@attack
def read_virtual_environment() -> object:
    return read("/home/live/edc/.venv/bin/celery")


@attack
def write_virtual_environment() -> object:
    return create("/home/live/edc/.venv/bin/sitecustomize.py")


@attack
def list_state() -> object:
    return os.listdir("/var/lib/celery-live")


@attack
def write_state() -> object:
    return create("/var/lib/celery-live/attack")


@attack
def write_to_run() -> object:
    """Write to the file system of /run: where that is full, systemd reloads nothing, for nobody."""
    device = os.stat("/run").st_dev
    for parent, directories, _files in os.walk("/run"):
        directories[:] = [name for name in directories if os.lstat(os.path.join(parent, name)).st_dev == device]
        if os.access(parent, os.W_OK | os.X_OK):
            return create(os.path.join(parent, "attack"))
    raise PermissionError("no directory there")


@attack
def write_log_rotation() -> object:
    return append("/etc/logrotate.d/celery-live-w1")


@attack
def read_stamp() -> object:
    return read("/run/stalk.celery/celery-live-w1.service")


@attack
def add_stamp() -> object:
    return create("/run/stalk.celery/celery-live-new.service")


@attack
def write_library() -> object:
    return append("/usr/local/lib/celery-live/celery_systemd.py")


@attack
def add_to_library() -> object:
    return create("/usr/local/lib/celery-live/sitecustomize.py")


@attack
def write_operator_command() -> object:
    return append("/usr/local/bin/celery-live")


@attack
def write_accounts() -> object:
    return append("/etc/sysusers.d/celery-live.conf")


@attack
def read_temporary_file() -> object:
    return read("/tmp/of-live")


@attack
def find_temporary_file() -> object:
    found = Path("/tmp").glob("systemd-private-*-celery-live-w1.service-*/")
    return os.listdir(next(found, Path("/tmp/nothing")) / "tmp")


# Memory that processes share


@attack
def read_shared_memory_file() -> object:
    return read("/dev/shm/of-live")


@attack
def attach_system_v_memory() -> object:
    return checked(LIBC.shmget(TARGET["number"], 1, 0o600))


@attack
def open_message_queue() -> object:
    return os.close(checked(LIBC.mq_open(b"/of-live", os.O_RDWR)))


# Processes


@attack
def read_environ() -> object:
    return secret_in(Path(proc("environ")).read_text())


@attack
def read_command_line() -> object:
    return Path(proc("cmdline")).read_text()


@attack
def find_secret_in_command_lines() -> object:
    """Return those of all processes that can be seen."""
    others = (path for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.name != str(os.getpid()))
    return secret_in("".join(path.read_text() for path in others))


@attack
def list_open_files() -> object:
    return os.listdir(proc("fd"))


@attack
def read_directory_of_process() -> object:
    return os.readlink(proc("cwd"))


@attack
def enter_root_of_process() -> object:
    return os.listdir(proc("root/home"))


@attack
def read_memory_map() -> object:
    return read(proc("maps"))


@attack
def open_memory() -> object:
    return os.close(os.open(proc("mem"), os.O_RDWR))


@attack
def read_memory() -> object:
    into = ctypes.create_string_buffer(8)
    address = int(Path(proc("maps")).read_text().partition("-")[0], 16)
    local, remote = (ctypes.c_size_t * 2)(ctypes.addressof(into), 8), (ctypes.c_size_t * 2)(address, 8)
    return checked(LIBC.process_vm_readv(TARGET["pid"], local, 1, remote, 1, 0))


@attack
def trace() -> object:
    return in_child(lambda: checked(LIBC.ptrace(PTRACE_SEIZE, TARGET["pid"], None, None)))


@attack
def take_open_file() -> object:
    pidfd = os.pidfd_open(TARGET["pid"])
    try:
        return os.close(checked(LIBC.pidfd_getfd(pidfd, 1, 0)))
    finally:
        os.close(pidfd)


@attack
def send_signals() -> object:
    """Return every signal there is, 0 first."""
    denied = PermissionError()
    for number in (0, *sorted(signal.valid_signals())):
        try:
            os.kill(TARGET["pid"], number)
        except PermissionError as error:
            denied = error
        else:
            return number
    raise denied


@attack
def limit_resources() -> object:
    return resource.prlimit(TARGET["pid"], resource.RLIMIT_NOFILE, (64, 64))


@attack
def lower_priority() -> object:
    return os.setpriority(os.PRIO_PROCESS, TARGET["pid"], 19)


@attack
def change_scheduling() -> object:
    return os.sched_setscheduler(TARGET["pid"], os.SCHED_IDLE, os.sched_param(0))


@attack
def take_processors_away() -> object:
    return os.sched_setaffinity(TARGET["pid"], {min(os.sched_getaffinity(0))})


@attack
def lower_priority_of_disk() -> object:
    return run("ionice", "--class=3", f"--pid={TARGET['pid']}")


@attack
def prefer_as_victim_of_memory_shortage() -> object:
    return append(proc("oom_score_adj"))


# Control groups


@attack
def freeze() -> object:
    return append(f"/sys/fs/cgroup/system.slice/{TARGET['unit']}/cgroup.freeze")


@attack
def kill_control_group() -> object:
    return append(f"/sys/fs/cgroup/system.slice/{TARGET['unit']}/cgroup.kill")


@attack
def enter_control_group() -> object:
    return append(f"/sys/fs/cgroup/system.slice/{TARGET['unit']}/cgroup.procs")


# What systemd is told


def notify(text: str, *ancillary: tuple[int, int, bytes]) -> None:
    """Send systemd a notification and wait until it has read it, sd_notify_barrier(3)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(NOTIFY_SOCKET)
        sender.sendmsg([text.encode()], ancillary)
        ours, theirs = os.pipe()
        sender.sendmsg([b"BARRIER=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs]))])
        os.close(theirs)
        os.read(ours, 1)
        os.close(ours)


def status_after(mark: str) -> str:
    """Return the victim's status, if it is the one that we sent."""
    status = systemctl("show", "--property=StatusText", "--value", TARGET["unit"])
    if mark not in status:
        raise MissedError(f"the status is {status.strip()!r}")
    return status


@attack
def notify_as_oneself() -> object:
    notify("READY=1\nWATCHDOG=1\nSTATUS=sent by an attack")
    return status_after("sent by an attack")


@attack
def notify_as_victim() -> object:
    """Notify with the PID of the victim's main process in the credentials of the message."""
    credentials = struct.pack("iII", TARGET["pid"], os.getuid(), os.getgid())
    notify("READY=1\nSTATUS=forged by an attack", (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials))
    return status_after("forged by an attack")


@attack
def adopt_main_process() -> object:
    """Tell systemd that the victim's main process is ours, so that it ends when we stop."""
    notify(f"MAINPID={TARGET['pid']}")
    if systemctl("show", "--property=MainPID", "--value", "celery-uat-w1").strip() != str(TARGET["pid"]):
        raise MissedError("systemd keeps the main process that it knows")
    return TARGET["pid"]


# systemd


@attack
def show_secret() -> object:
    return secret_in(systemctl("show", TARGET["unit"]))


@attack
def show_unit_with_secret() -> object:
    return secret_in(systemctl("cat", TARGET["unit"]))


@attack
def read_journal() -> object:
    lines = run("journalctl", "--quiet", "--lines=3", f"--unit={TARGET['unit']}")
    if not lines:
        raise MissedError("no lines")
    return lines


@attack
def set_property() -> object:
    return systemctl("set-property", "--runtime", TARGET["unit"], "CPUWeight=1")


@attack
def mask() -> object:
    unit = "celery-live-masked.service"
    return systemctl("mask", "--runtime", unit), systemctl("unmask", "--runtime", unit)


@attack
def reload_systemd() -> object:
    return systemctl("daemon-reload")


@attack
def run_as_victim() -> object:
    return run("systemd-run", "--no-ask-password", "--quiet", "--wait", "--pipe", "--uid=live", "true")


@attack
def set_environment_of_all() -> object:
    return systemctl("set-environment", "CELERY_ATTACK=1"), systemctl("unset-environment", "CELERY_ATTACK")


@attack
def kill_through_systemd() -> object:
    return systemctl("kill", "--signal=CONT", TARGET["unit"])


@attack
def restart_through_bus() -> object:
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    return run("busctl", "call", *manager, "RestartUnit", "ss", TARGET["unit"], "replace")


@attack
def restart() -> object:
    return systemctl("restart", TARGET["unit"])


@attack
def stop() -> object:
    return systemctl("stop", TARGET["unit"])


# Other users


@attack
def become_victim() -> object:
    return in_child(lambda: os.setresuid(TARGET["uid"], TARGET["uid"], TARGET["uid"]))


@attack
def sudo() -> object:
    return run("sudo", "--non-interactive", "--user=live", "true")


@attack
def runuser() -> object:
    return run("runuser", "--user", "live", "true")


@attack
def use_operator_command() -> object:
    return run("celery-live", "--version")


# Network


@attack
def sniff() -> object:
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


@attack
def open_raw_socket() -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP).close()


@attack
def connect_to_socket() -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect("/var/lib/celery-live/of-live")


@attack
def share_port() -> object:
    """Take a part of the connections to a port on which a task of the victim listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return server.bind(("127.0.0.1", TARGET["number"]))


# The broker


def victims_url() -> str:
    """Return the URL of the victim's database, with our own password."""
    return f"{os.environ['CELERY_BROKER_URL'].rpartition('/')[0]}/{TARGET['database']}"


def store() -> Any:
    """Return a connection to the victim's database, with our own password."""
    return redis.Redis.from_url(victims_url(), decode_responses=True)


@attack
def authenticate_as_victim() -> object:
    own = urlsplit(victims_url())
    return redis.Redis(own.hostname, username="live", password=own.password).ping()


@attack
def count_queue() -> object:
    return store().llen("live:celery")


@attack
def read_queue() -> object:
    return store().lrange("live:celery", 0, -1)


@attack
def consume() -> object:
    return store().brpop([f"live:{TARGET['queue']}"], 0.1)


@attack
def send_task() -> object:
    return store().rpush(f"live:{TARGET['queue']}", "{}")


@attack
def empty_queue() -> object:
    return store().delete(f"live:{TARGET['queue']}")


@attack
def read_result() -> object:
    return store().get("live:celery-task-meta-of-live")


@attack
def forge_result() -> object:
    return store().set("live:celery-task-meta-of-attack", "{}", ex=1)


@attack
def read_bindings() -> object:
    return store().smembers("live:_kombu.binding.celery")


@attack
def run_script_on_queue() -> object:
    return store().eval("return redis.call('LLEN', KEYS[1])", 1, "live:celery")


@attack
def copy_queue() -> object:
    own = f"{urlsplit(os.environ['CELERY_BROKER_URL']).username}:copy"
    return store().execute_command("COPY", "live:celery", own, "REPLACE"), store().delete(own)


@attack
def listen_to_results() -> object:
    with contextlib.closing(store().pubsub()) as channels:
        channels.subscribe("live:celery-task-meta-of-live")
        return channels.parse_response()


@attack
def listen_to_events() -> object:
    with contextlib.closing(store().pubsub()) as channels:
        channels.psubscribe(f"live:/{TARGET['database']}.celeryev/*")
        return channels.parse_response()


def control(command: str, **options: Any) -> object:
    """Send a command to the victim's workers, with our own password; Celery takes the URL from the environment."""
    with mock.patch.dict(os.environ, CELERY_BROKER_URL=victims_url()):
        app = Celery(set_as_current=False)
        app.conf.broker_transport_options = {"global_keyprefix": "live:"}
        try:
            return getattr(app.control, command)(**options)
        except OperationalError as error:
            raise error.__cause__ or error from None


@attack
def control_ping() -> object:
    answers = control("ping", timeout=1)
    if not answers:
        raise MissedError("no answer")
    return answers


@attack
def control_shutdown() -> object:
    return control("shutdown", destination=TARGET["nodes"])


@attack
def publish_control_message() -> object:
    return store().publish(f"live:/{TARGET['database']}.{TARGET['queue']}.pidbox", "{}")


ADMINISTRATION = (
    "KEYS *",
    "SCAN 0",
    "RANDOMKEY",
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB 1 2",
    "CONFIG GET *",
    "CONFIG SET maxclients 1",
    "ACL LIST",
    "ACL SETUSER uat allkeys",
    "MONITOR",
    "CLIENT LIST",
    "CLIENT KILL USER live",
    "CLIENT PAUSE 1",
    "SAVE",
    "REPLICAOF NO ONE",
    "MODULE LIST",
    "INFO",
    "SLOWLOG GET",
    "LATENCY RESET",
    "SHUTDOWN",
)


@attack
def administer_broker() -> object:
    """Return every command by which an administrator sees or changes what is of all users."""
    allowed = []
    for command in ADMINISTRATION:
        with contextlib.suppress(redis.exceptions.NoPermissionError):
            store().execute_command(*command.split())
            allowed.append(command)
    if not allowed:
        raise PermissionError("all commands")
    return allowed


# What the victim leaves for the attacks that look for it


def plant(number: int) -> None:
    """Leave, as a task of the victim, what is open to all users unless something else hides it."""
    for path in ("/tmp/of-live", "/dev/shm/of-live"):
        Path(path).write_bytes(b"of live")
        os.chmod(path, 0o666)
    checked(LIBC.shmget(number, mmap.PAGESIZE, IPC_CREAT | 0o666))
    queue = checked(LIBC.mq_open(b"/of-live", os.O_RDWR | os.O_CREAT, 0o666, None))
    os.fchmod(queue, 0o666)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    tcp.bind(("127.0.0.1", number))
    tcp.listen()
    path = Path("/var/lib/celery-live/of-live")
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unix.bind(str(path))
    path.chmod(0o777)
    unix.listen()
    for opened in (tcp, unix):
        opened.detach()


def forge_journal(mark: str) -> None:
    """Write to the journal in the name of the victim's unit, in both protocols that journald has."""
    unit = "celery-live-w1.service"
    fields = f"MESSAGE={mark}\nUNIT={unit}\n_SYSTEMD_UNIT={unit}\nOBJECT_SYSTEMD_UNIT={unit}\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as native:
        native.sendto(fields.encode(), "/run/systemd/journal/socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.connect("/run/systemd/journal/stdout")
        stream.sendall(f"celery-live-w1\n{unit}\n6\n0\n0\n0\n0\n{mark}\n".encode())


def keep_saying(status: str) -> None:
    """Have systemd call this the status of our own service, for a while after the task."""

    def say() -> None:
        end = time.monotonic() + 200
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(f"STATUS={status}".encode(), NOTIFY_SOCKET)
            time.sleep(0.2)

    threading.Thread(target=say, daemon=True).start()


def answer(kind: str) -> None:
    """Have the main process, in which this task runs, answer remote commands as no worker does, or "rightly" again."""
    panel: Any = __import__("celery.worker.control", fromlist=["Panel"]).Panel
    seized = "a\x1b[2J\x9b31m\u202e\r\nlive/w1: down\u2028live/w2: down"
    answers: dict[str, dict[str, Any]] = {
        "rightly": {},
        "with escape sequences": {
            "active_queues": [{"name": seized, "alias": None, "exchange": {"type": seized}}],
            "active": [{"id": seized, "name": seized, "time_start": 1}],
            "stats": {"pool": {"implementation": f"{seized}.a:b", "max-concurrency": seized}, "total": {seized: 1}},
        },
        "with other types": {"active_queues": 7, "active": {"a": seized}, "reserved": 7, "stats": [seized]},
        "without end": {"active_queues": [{"name": "x" * 5_000_000}]},
    }
    if not hasattr(panel, "original"):
        panel.original = dict(panel.data)
    said = {command: (lambda _state, _value=value, **_: _value) for command, value in answers[kind].items()}
    panel.data.update({**panel.original, **said})


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*map(json.loads, sys.argv[2:]))))
