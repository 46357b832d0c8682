# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

from .conftest import Run


def shell(run: Run, script: str, **options: int) -> dict[str, object]:
    return run("migration", command=["/bin/sh", "-c", script], **options)


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


def test_a_command_that_is_not_there(run: Run) -> None:
    assert run("migration", command=["/nowhere"])["msg"] == "/nowhere cannot be run: No such file or directory"
