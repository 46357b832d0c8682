# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _processes

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that does not end when it is asked to, and whose name would clear a terminal."""
    command = [sys.executable, "-c", STUBBORN, "\033[2Jnew\nline"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("cgroups", "unit"),
    [
        ("0::/system.slice/cron.service\n", "cron.service"),
        ("12:memory:/\n1:name=systemd:/user.slice/user-996.slice/session-3.scope\n0::/\n", "session-3.scope"),
        ("0::/user.slice/user-996.slice/user@996.service/app.slice/sshd.service\n", "user@996.service"),
        ("0::/../..\n", ""),
        ("", ""),
    ],
)
def test_what_started_a_process_is_a_unit_of_the_system(cgroups: str, unit: str) -> None:
    assert _processes.unit_of(cgroups) == unit


def test_a_process_is_named_in_one_line(stubborn: subprocess.Popen[bytes]) -> None:
    found = {process.pid: str(process) for process in _processes.of_user(os.getuid())}
    assert found[stubborn.pid].startswith(f"{stubborn.pid} ({sys.executable[:40]}")
    assert found[stubborn.pid].isprintable()


def test_a_process_that_ignores_the_request_is_ended(
    stubborn: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_processes, "_GRACE", 0.3)

    def listed() -> list[_processes.Process]:
        return [process for process in _processes.of_user(os.getuid()) if process.pid == stubborn.pid]

    assert _processes.end(os.getuid(), os.getgid(), listed, 20) == []
    assert stubborn.wait() == -9


def test_the_wait_for_what_comes_again_is_bounded() -> None:
    again = _processes.Process(2**22 + 1, "again", "")
    assert _processes.end(os.getuid(), os.getgid(), lambda: [again], 0.2) == [again]
