# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever uat's interpreter, tasks and commands answer, live is seen as it is, and no terminal obeys it.

As a shell user uat puts a program of its own in the place of its interpreter and of celery; its task writes statuses.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import on_host, service, task
from tests.runs import converged

HOSTS = ("app1", "app2")
PROGRAM = (Path(__file__).parents[1] / "attacks.py").read_text(encoding="utf-8")
BIN = "/home/uat/edc/.venv/bin"
SEIZED = r"a\u001b[2J\u009b31m\u202e\r\nlive/w1: down\u2028live/w2: down"
# Gives its stdout to a process outside of its unit, which goes on to write into it.
HANDS_ON = r"""#!/usr/bin/python3
import array, socket, time
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
    client.connect("\0handed-on")
    client.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1]))])
"""
TAKES = r"""
import array, os, socket, time
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind("\0handed-on")
server.listen()
if os.fork() == 0:
    os.setsid()
    for number in range(3):
        os.dup2(os.open("/dev/null", os.O_RDWR), number)
    end = time.monotonic() + 240
    while time.monotonic() < end:
        client, _ = server.accept()
        _data, ancillary, _flags, _address = client.recvmsg(1, socket.CMSG_SPACE(4))
        (taken,) = array.array("i", ancillary[0][2])
        client.close()
        if os.fork() == 0:
            while time.monotonic() < end:
                os.write(taken, b"x")
                time.sleep(0.1)
"""
FAILS = rf"""#!/bin/sh
printf '%s' '{{"error": "{SEIZED}"}}'
"""
COMMAND = r"""#!/usr/bin/python3
import os, sys
files = [os.fstat(number) for number in range(3)]
print(*(f"{file.st_dev}:{file.st_ino}:{file.st_rdev}" for file in files), "\x1b[2J\x9b1m\u202e\x07end")
"""
AT_TERMINAL = r"""
import json, os, pty, sys
master, slave = pty.openpty()
status = os.fstat(slave)
pid = os.fork()
if pid == 0:
    os.login_tty(slave)
    os.execv("/usr/local/bin/celery-uat", ["celery-uat", "report"])
os.close(slave)
shown = b""
try:
    while True:
        shown += os.read(master, 4096)
except OSError:
    pass
ours = f"{status.st_dev}:{status.st_ino}:{status.st_rdev}"
print(json.dumps([ours, shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]))
"""
FILES = r"""
import json, os, subprocess, tempfile
files = [tempfile.TemporaryFile() for _number in range(3)]
ours = [os.fstat(file.fileno()) for file in files]
subprocess.run(["/usr/local/bin/celery-uat", "report"], stdin=files[0], stdout=files[1], stderr=files[2], check=True)
files[1].seek(0)
print(json.dumps([[f"{file.st_dev}:{file.st_ino}" for file in ours], files[1].read().decode()]))
"""


def put(host: str, name: str, text: str) -> None:
    """Put a program of uat's in the place of one of its virtual environment."""
    on_host(host, "mv", f"{BIN}/{name}", f"{BIN}/{name}.real", user="uat")
    on_host(host, "sh", "-c", f"cat > {BIN}/{name}; chmod 755 {BIN}/{name}", user="uat", stdin=text)


def put_back(host: str, name: str) -> None:
    on_host(host, "mv", f"{BIN}/{name}.real", f"{BIN}/{name}", user="uat")


@pytest.fixture
def interpreters(request: pytest.FixtureRequest) -> Iterator[None]:
    """Programs of uat's in the place of its interpreter, one for each host, and a task that writes its status."""
    status = "1 sent, the last at XXX\x1b[2J\rMainPID=1"
    for host, text in zip(HOSTS, request.param, strict=True):
        task(service(host, "celery-uat-w1"), host, "run", PROGRAM, "keep_saying", status)
        put(host, "python", text)
        if text == HANDS_ON:
            on_host(host, "/usr/bin/python3", "-", user="uat", stdin=TAKES)
    yield
    for host in HOSTS:
        put_back(host, "python")


def assert_harmless(output: str) -> None:
    """Fail if a terminal would do more than show the output, or a line of it could be taken for one about live."""
    assert output.replace("\n", "").isprintable()
    assert not re.search(r"^\s*live/w\d: down", output, re.MULTILINE)


@pytest.mark.parametrize("interpreters", [(FAILS, HANDS_ON)], indirect=True)
@pytest.mark.usefixtures("interpreters")
def test_status_and_verify_tell_what_is_wrong_with_uat_and_how_live_is() -> None:
    """In bounded time."""
    began = time.monotonic()
    table = converged(playbook="stalk.celery.status")
    verified = converged("-l", "live", playbook="stalk.celery.verify")
    assert time.monotonic() - began < 240
    for output in (table, verified):
        assert_harmless(output)
    assert len(re.findall(r"^live +app1 +w1 +running|^ +app2 +w1 +running", table, re.MULTILINE)) == 2, table
    for host in HOSTS:
        assert f"  {host}: uat/w1" in table


@pytest.fixture
def answers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Change what uat's workers answer to remote commands, one for each host, since a task has changed it."""
    for host, kind in zip(HOSTS, request.param, strict=True):
        task(service(host, "celery-uat-w1"), host, "run", PROGRAM, "answer", kind)
    yield
    for host in HOSTS:
        task(service(host, "celery-uat-w1"), host, "run", PROGRAM, "answer", "rightly")


@pytest.mark.parametrize("answers", [("with escape sequences", "without end")], indirect=True)
@pytest.mark.usefixtures("answers")
def test_what_a_task_has_its_worker_answer_is_told_of_uat_alone() -> None:
    """It needs no program of its own for that, and reaches each host through the broker."""
    began = time.monotonic()
    table = converged(playbook="stalk.celery.status")
    assert time.monotonic() - began < 120
    assert_harmless(table)
    assert len(re.findall(r"^live +app1 +w1 +running|^ +app2 +w1 +running", table, re.MULTILINE)) >= 2, table
    assert r"a\x1b[2J" in table
    assert "app2: uat/w1: /home/uat/edc/.venv/bin/python answers with more than 1 MiB, or writes without end" in table


@pytest.fixture
def command() -> Iterator[None]:
    """Put a program of uat's in the place of celery."""
    for host in HOSTS:
        put(host, "celery", COMMAND)
    yield
    for host in HOSTS:
        put_back(host, "celery")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.usefixtures("command")
def test_the_operator_command_gives_uat_neither_terminal_nor_files(host: str) -> None:
    """It runs on a terminal of its own, and what it writes is text."""
    ours, shown, status = json.loads(on_host(host, "/usr/bin/python3", "-", stdin=AT_TERMINAL))
    theirs = set(shown.split()[:3])
    assert (len(theirs), ours in theirs, status) == (1, False, 0)
    assert "end" in shown
    assert shown.replace("\r\n", "").isprintable()
    files, said = json.loads(on_host(host, "/usr/bin/python3", "-", stdin=FILES))
    assert not {identity.rpartition(":")[0] for identity in said.split()[:3]} & {*files}
    assert "\x1b[2J" in said
