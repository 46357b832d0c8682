# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import importlib
import json
import os
import pwd
import sys
import syslog
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.stalk.celery.plugins.module_utils._host import _celery_processes, _disk, _stage, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Return a directory that users without privileges may enter, unlike that of pytest."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def accounts() -> dict[str, str]:
    """Owner and group that the user who runs the tests can give to a file."""
    return {"owner": pwd.getpwuid(os.geteuid()).pw_name, "group": grp.getgrgid(os.getegid()).gr_name}


@pytest.fixture(autouse=True)
def stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "stamps"
    monkeypatch.setattr(_disk, "STAMPS", str(directory))
    return directory


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Return the processes of the host that name Celery; the real ones are those of the tests."""
    found: list[Process] = []
    monkeypatch.setattr(_celery_processes, "celery", lambda: found)
    return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what modules wrote to the log of the host."""
    lines: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(syslog, "syslog", lambda _priority, line: lines.append(line))
    return lines


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], log: list[str]) -> Run:
    """Run a module as Ansible does; returns the JSON that it printed, under ``printed`` as text."""

    def run_module(name: str, /, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        module = importlib.import_module(f"ansible_collections.stalk.celery.plugins.modules.{name}")
        files = arguments.get("files", [])
        if files:
            arguments["_texts"] = json.dumps([file["content"] for file in files])
            arguments["files"] = [{key: value for key, value in file.items() if key != "content"} for file in files]
        arguments = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        printed = capsys.readouterr().out
        return {**json.loads(printed), "printed": printed}

    return run_module


class Manager:
    """The fake systemctl, seen from the test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.unit_directory = directory / "system"
        self.transient = directory / "transient"
        for path in (self.unit_directory, self.transient):
            path.mkdir()
        (directory / "version").write_text("systemd 252 (252.39-1~deb12u2)\n+PAM +AUDIT\n")
        self.trials()
        self._write({})

    def add(self, *names: str, **properties: Any) -> None:
        """Units that are stopped and disabled, but for ``properties``."""
        self._write({**self.units, **dict.fromkeys(names, properties)})

    def running(self, *names: str, since: int = 1, **properties: Any) -> None:
        """Units that run and are enabled; ``since`` in microseconds of CLOCK_MONOTONIC."""
        up = {"ActiveState": "active", "SubState": "running", "UnitFileState": "enabled"}
        times = dict.fromkeys(("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"), str(since))
        self.add(*names, **{**up, **times, **properties})

    def file(self, name: str, text: str = "# Managed by stalk.celery: live/worker/w1.\n") -> str:
        """Return a unit file."""
        path = self.unit_directory / name
        path.write_text(text)
        return str(path)

    def program(self, name: str) -> Path:
        """Return the file of a fake program."""
        return self._directory / name

    def refuse(self, verb: str) -> None:
        """Let a verb fail from now on."""
        (self._directory / f"no-{verb}").touch()

    def version(self, text: str) -> None:
        """Set what ``systemctl --version`` prints."""
        (self._directory / "version").write_text(text)

    def verify(self, text: str) -> None:
        """Set what ``systemd-analyze verify`` says; {} stands for the directory of the units."""
        (self._directory / "verify").write_text(text)

    def trials(self, **results: dict[str, Any]) -> None:
        """Set how the trials of units end, and their output."""
        (self._directory / "trials.json").write_text(json.dumps(results))

    def seen(self, unit: str) -> dict[str, Any]:
        """Return what the trial of a unit had."""
        seen: dict[str, Any] = json.loads((self._directory / f"seen-stalk-try-{unit}").read_text())
        return seen

    @property
    def units(self) -> dict[str, Any]:
        units: dict[str, Any] = json.loads((self._directory / "units.json").read_text())
        return units

    @property
    def calls(self) -> list[str]:
        calls = self._directory / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    @property
    def asked(self) -> list[str]:
        """The arguments of each call of journalctl."""
        return (self._directory / "asked").read_text().splitlines()

    @property
    def journal(self) -> Path:
        """What journalctl prints."""
        return self._directory / "journal"

    def _write(self, units: dict[str, Any]) -> None:
        (self._directory / "units.json").write_text(json.dumps(units))


JOURNALCTL = """
import sys
from pathlib import Path
here = Path(sys.argv[0]).parent
with (here / "asked").open("a") as asked:
    print(*sys.argv[1:], file=asked)
if (here / "journal").exists() and "--sync" not in sys.argv:
    print((here / "journal").read_text())
"""
SYSTEMD_ANALYZE = r"""
import os
import sys
from pathlib import Path
here = Path(sys.argv[0]).parent
# systemd 247 colours its log without a terminal too.
line = "{}" if os.environ.get("SYSTEMD_LOG_COLOR") == "0" else "\x1b[0;1;38;5;185m{}\x1b[0m"
if (here / "verify").exists():
    for text in (here / "verify").read_text().replace("{}", str(Path(sys.argv[-1]).parent)).splitlines():
        print(line.replace("{}", text), file=sys.stderr)
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    directory = tmp_path / "bin"
    directory.mkdir()
    systemctl = Path(__file__).with_name("fake_systemctl.py").read_text()
    programs = {"systemctl": systemctl, "journalctl": JOURNALCTL, "systemd-analyze": SYSTEMD_ANALYZE}
    for name, text in programs.items():
        (directory / name).write_text(f"#!{sys.executable} -IS\n{text}")
        (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    fake = Manager(directory)
    monkeypatch.setattr(_systemctl, "UNIT_DIRECTORIES", (str(fake.unit_directory),))
    monkeypatch.setattr(_stage, "TRANSIENT_UNITS", str(fake.transient))
    return fake
