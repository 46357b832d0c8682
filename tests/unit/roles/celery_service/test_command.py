# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator command, with what stands for systemd-run: terminal and files of the administrator stay theirs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[4] / "roles/celery_service/files/usr/local/bin"
COMMAND = f"import sys; sys.path[:0] = [{str(SOURCE)!r}]; from celery_command import main; sys.exit(main(['--uid=u']))"
# Runs the program of the test in place of celery, on the terminal that the unit is to have.
SYSTEMD_RUN = """
import fcntl, os, sys, termios
with open(sys.argv[0] + ".calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
options = dict(option.split("=", 2)[-2:] for option in sys.argv if option.count("=") == 2)
child = os.fork()
if child == 0:
    os.setsid()
    if "TTYPath" in options:
        terminal = os.open(options["TTYPath"], os.O_RDWR)
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(terminal, number)
    os.execv(sys.executable, [sys.executable, "-ISc", "import os, sys, time\\n" + os.environ["PROGRAM"]])
_pid, status = os.waitpid(child, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 99)
"""
SYSTEMCTL = """
import sys
with open(sys.argv[0] + ".calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
"""
IDENTITY = "print(*((os.fstat(n).st_dev, os.fstat(n).st_ino) for n in range(3)), sep='|')"


@pytest.fixture(autouse=True)
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("systemd-run", SYSTEMD_RUN), ("systemctl", SYSTEMCTL)):
        (tmp_path / name).write_text(f"#!{sys.executable} -IS\n{text}")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def command(program: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command, which runs the program."""
    check = options.pop("check", False)
    how: dict[str, Any] = {"capture_output": True, "timeout": 30, **options}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], env={**os.environ, "PROGRAM": program}, check=check, **how
    )


class Terminal:
    """An administrator at a terminal, who has started the command."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.login_tty(slave)
            os.environ.update(PROGRAM=program, TERM="xterm-256color")
            os.execv(sys.executable, [sys.executable, "-c", COMMAND, *arguments])
        os.close(slave)
        self.shown = b""

    def until(self, text: bytes) -> None:
        while text not in self.shown:
            self.shown += os.read(self.master, 4096)

    def end(self) -> tuple[str, int]:
        """Return what was shown, and the exit status."""
        while True:
            try:
                self.shown += os.read(self.master, 4096)
            except OSError:
                break
        return self.shown.decode(), os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Fail what waits at a terminal for ever."""
    signal.alarm(60)
    yield
    signal.alarm(0)


def test_what_goes_through_pipes_stays_as_it_is(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    program = "data = sys.stdin.buffer.read(); os.write(2, data[:300]); sys.stdout.buffer.write(data); sys.exit(3)"
    done = command(program, input=data)
    assert (done.returncode, done.stdout, done.stderr) == (3, data, data[:300])
    done = command("print(sys.stdin.read())", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, b"\n")


def test_no_file_of_the_administrator_is_handed_on(tmp_path: Path) -> None:
    files = [(tmp_path / name).open("w+b") for name in ("in", "out", "err")]
    command(IDENTITY, capture_output=False, stdin=files[0], stdout=files[1], stderr=files[2])
    ours = {(os.fstat(file.fileno()).st_dev, os.fstat(file.fileno()).st_ino) for file in files}
    theirs = {tuple(map(int, pair.strip("()\n").split(", "))) for pair in (tmp_path / "out").read_text().split("|")}
    assert (len(theirs), ours & theirs) == (3, set())


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_file_that_is_closed(closed: str) -> None:
    shell = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", COMMAND]
    environment = {**os.environ, "PROGRAM": "print('out'); print('err', file=sys.stderr); sys.exit(4)"}
    done = subprocess.run(shell, env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == 4
    assert done.stdout == (b"" if " >&-" in f" {closed}" and "2>&- " not in closed else b"out\n")
    assert done.stderr == (b"" if "2>&-" in closed else b"err\n")


def test_a_reader_that_has_enough() -> None:
    program = "while True: print('x' * 1000)"
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        env={**os.environ, "PROGRAM": program},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        process.wait(20)


def test_what_has_got_hold_of_the_output_does_not_keep_the_command() -> None:
    child = "if os.fork() == 0:\n  os.setsid()\n  for n in range(100): os.write(1, b'x'); time.sleep(0.1)\n"
    began = time.monotonic()
    done = command(f"{child}print('done')")
    assert b"done" in done.stdout
    assert time.monotonic() - began < 8


def test_signals_are_for_the_unit(systemd: Path) -> None:
    for number, told in ((signal.SIGINT, "kill --signal=SIGINT"), (signal.SIGTERM, "stop --no-block")):
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            env={**os.environ, "PROGRAM": "print('ready', flush=True); time.sleep(3)"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.read(5) == b"ready"
            process.send_signal(number)
            assert process.wait(20) == 0
        assert f"{told} stalk-celery-" in (systemd / "systemctl.calls").read_text()


def test_a_terminal_of_its_own(systemd: Path) -> None:
    terminal = Terminal("print(*map(os.ttyname, range(3)), os.environ.get('HOME', ''), 'end')")
    shown, status = terminal.end()
    names = {word for word in shown.split() if word.startswith("/dev/")}
    assert (len(names), terminal.name in names, status) == (1, False, 0)
    calls = (systemd / "systemd-run.calls").read_text()
    assert "--pipe" not in calls
    assert "--setenv=TERM=xterm-256color" in calls


@pytest.mark.parametrize("number", range(3))
def test_one_file_that_is_none_is_enough_for_pipes(number: int, systemd: Path) -> None:
    master, slave = pty.openpty()
    files = [slave, slave, slave]
    files[number] = os.open(os.devnull, os.O_RDWR)
    done = command(
        "sys.exit(7 if any(map(os.isatty, range(3))) else 0)",
        capture_output=False,
        **dict(zip(("stdin", "stdout", "stderr"), files, strict=True)),
    )
    assert done.returncode == 0
    for file in (master, slave, files[number]):
        os.close(file)


def test_only_text_and_colours_reach_the_terminal() -> None:
    said = r"\x1b]0;title\x07\x1b[2J\x1b[1;31mred\x1b[0m\x9b1m\x8f\u202e\rover\x08 é\tx\x1b[8mhidden\x1b[c\n"
    shown, _status = Terminal(f"sys.stdout.reconfigure(encoding='utf-8'); print('{said}')").end()
    assert "\x1b[1;31mred\x1b[0m" in shown
    assert "é\tx" in shown
    assert set(shown.replace("\x1b[1;31m", "").replace("\x1b[0m", "")) & {*map(chr, range(32)), *"\x7f\x9b\u202e"} == {
        "\r",
        "\n",
        "\t",
    }
    assert r"\x1b[2J" in shown
    assert "\rover" not in shown


def test_what_draws_has_the_terminal_as_it_is() -> None:
    terminal = Terminal(r"print('\x1b[2J', end='', flush=True); print(input())", "shell")
    terminal.until(b"\x1b[2J")
    os.write(terminal.master, b"typed\r")
    shown, status = terminal.end()
    assert (shown.count("typed"), status) == (2, 0)


def test_control_c_ends_what_runs() -> None:
    terminal = Terminal("try: print('ready', flush=True); time.sleep(50)\nexcept KeyboardInterrupt: sys.exit(5)")
    terminal.until(b"ready")
    os.write(terminal.master, b"\x03")
    assert terminal.end()[1] == 5


def test_half_a_character_at_the_end_of_what_is_read() -> None:
    text = "é" * 5000 + "\x1b[1;31m" * 3000 + "\r\n" * 5000
    program = f"print({text!r})"
    shown, _status = Terminal(f"sys.stdout.reconfigure(encoding='utf-8'); {program}").end()
    assert "\\" not in shown
    assert shown.count("é") == 5000
