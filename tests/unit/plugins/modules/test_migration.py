# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from .conftest import Manager, Run

W1 = "celery-live-w1.service"
RUNNER = r"""
import os, re, shlex, sys
options, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
with open(sys.argv[0] + ".calls", "a") as calls:
    print(*sys.argv, file=calls)
for path in [option.split("=", 2)[2] for option in options if "EnvironmentFile=" in option]:
    os.environ.update(word.split("=", 1) for word in shlex.split(open(path).read()))
os.chdir([option.split("=", 1)[1] for option in options if "--working-directory=" in option][0])
os.execv(command[0], [word.replace("$$", "$") for word in command])
"""


@pytest.fixture(autouse=True)
def systemd_run(manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the fake program on a host that has a worker with variables of its unit, a drop-in and its file."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    runner = manager.program("systemd-run")
    runner.write_text(f"#!{sys.executable} -IS\n{RUNNER}")
    runner.chmod(0o755)
    env_file = tmp_path / "w1.conf"
    env_file.write_text('NAME="of the file"\nQUEUE="mails"\n')
    manager.file(W1)
    manager.running(
        W1,
        User="live",
        Group="live",
        SupplementaryGroups="redis",
        WorkingDirectory=str(tmp_path),
        Environment="'SECRET_KEY=a b' NAME=other",
        EnvironmentFiles=f"{env_file} (ignore_errors=no)",
    )
    return runner


def shell(run: Run, script: str, **options: object) -> dict[str, object]:
    return run("migration", **{"command": script, "unit": W1, **options})


def test_migrations_see_what_the_service_sees(run: Run, systemd_run: Path, tmp_path: Path) -> None:
    """Also what drop-ins set, which shows in no list of processes."""
    result = shell(run, 'echo "$SECRET_KEY,$NAME,$QUEUE,$(pwd)"')
    assert result["stdout_lines"] == [f"a b,of the file,mails,{tmp_path}"]
    called = Path(f"{systemd_run}.calls").read_text()
    assert " --uid=live --gid=live " in called
    assert " --property=SupplementaryGroups=redis " in called
    assert "a b" not in called


def test_a_service_that_this_host_does_not_have(run: Run) -> None:
    result = shell(run, "true", unit="celery-live-w9.service")
    assert result["msg"] == "This host has no celery-live-w9.service; run site.yml."


def test_migrations_that_succeed(run: Run) -> None:
    result = shell(run, "echo done; echo careful >&2")
    assert (result["changed"], result["rc"]) == (True, 0)
    assert (result["stdout_lines"], result["stderr_lines"]) == (["done"], ["careful"])


def test_migrations_that_fail_say_why(run: Run) -> None:
    result = shell(run, "echo one; printf 'column \\033[2J exists\\nall is well' >&2; exit 3")
    assert (result["failed"], result["rc"]) == (True, 3)
    assert result["msg"] == (
        "The migrations ended with exit status 3; their last lines:\n    | one\n    | column \\x1b[2J exists"
        "\n    | all is well"
    )


def test_migrations_have_no_terminal_and_nothing_to_read(run: Run) -> None:
    assert shell(run, "cat; : < /dev/tty")["failed"] is True
    assert shell(run, "cat")["rc"] == 0


def test_migrations_may_write_much(run: Run) -> None:
    result = shell(run, "yes | head -c 40000000; echo done")
    assert result["rc"] == 0
    assert str(result["stdout_lines"]).endswith("'done']")


def test_what_has_got_hold_of_the_output_does_not_hold_up_the_run(run: Run) -> None:
    began = time.monotonic()
    assert shell(run, "(sleep 60; echo late) & echo done")["stdout_lines"] == ["done"]
    assert time.monotonic() - began < 20


def test_migrations_that_do_not_end(run: Run) -> None:
    assert shell(run, "sleep 60", timeout=1)["msg"] == "The migrations did not end within 1 s."
