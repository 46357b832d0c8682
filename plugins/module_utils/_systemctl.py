# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of systemd as the modules use them: one call for any number of units."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from typing import Iterable, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._units import Unit

UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
PROPERTIES = (
    "ActiveState",
    "ExecMainCode",
    "ExecMainStartTimestampMonotonic",
    "ExecMainStatus",
    "FragmentPath",
    "InvocationID",
    "LoadError",
    "LoadState",
    "MainPID",
    "NRestarts",
    "NeedDaemonReload",
    "Result",
    "SubState",
    "UnitFileState",
)
_JOURNAL_LINES = 30
_PATIENCE = 60


class SystemdError(Exception):
    """A command of systemd failed; the text is what it said."""


@dataclass(frozen=True)
class Answer:
    """What a command gave back; C(late) when the time was over before it ended."""

    code: int
    output: str
    errors: str
    late: bool = False


class Systemd:
    """The manager of this host. All calls together wait C(timeout) seconds for jobs."""

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._since = int(time.time())

    def show(self, names: Sequence[str]) -> dict[str, Unit]:
        """The units C(names), also those that do not exist."""
        if not names:
            return {}
        output = self._must("show", f"--property={','.join(PROPERTIES)}", "--", *names)
        blocks = [block for block in output.split("\n\n") if block.strip()]
        if len(blocks) != len(names):
            raise SystemdError(f"systemctl show described {len(blocks)} of {len(names)} units: {output}")
        return {name: Unit(name, _properties(block)) for name, block in zip(names, blocks)}

    def reload(self) -> None:
        """Make the manager read all unit files again."""
        self._must("daemon-reload")

    def reset_failed(self, names: Sequence[str]) -> None:
        """Forget that C(names) failed, and how often."""
        if names:
            self._must("reset-failed", "--", *names)

    def enable(self, names: Sequence[str]) -> None:
        """Have C(names) started at boot."""
        if names:
            self._must("enable", "--", *names)

    def disable(self, names: Sequence[str]) -> None:
        """Have C(names) not started at boot."""
        if names:
            self._must("disable", "--", *names)

    def jobs(self, verb: str, names: Sequence[str]) -> bool:
        """Start, stop or restart C(names) in parallel and wait for all of them; False if the time is over before."""
        if not names:
            return True
        return not run(["systemctl", verb, "--", *names], max(1.0, self._deadline - time.monotonic())).late

    def journal(self, unit: Unit) -> str:
        """The last lines of the journal about the latest start of C(unit)."""
        invocation = unit["InvocationID"]
        this_start = (
            [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
            if invocation
            else [f"--unit={unit.name}", f"--since=@{self._since}"]
        )
        options = ["--no-pager", "--quiet", "--output=cat", f"--lines={_JOURNAL_LINES}"]
        run(["journalctl", "--sync"], _PATIENCE)
        return run(["journalctl", *options, *this_start], _PATIENCE).output

    def _must(self, *arguments: str) -> str:
        answer = run(["systemctl", *arguments], _PATIENCE)
        if answer.code or answer.late:
            said = answer.errors.strip() or "no answer in time"
            raise SystemdError(f"'systemctl {' '.join(arguments)}' failed: {said}")
        return answer.output


def run(command: list[str], timeout: float) -> Answer:
    """Run C(command) for at most C(timeout) seconds, in English. Raises SystemdError if there is no such command."""
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise SystemdError(f"This host has no {command[0]}, so it does not run systemd.") from error
    except subprocess.TimeoutExpired:
        return Answer(1, "", "", late=True)
    return Answer(done.returncode, done.stdout, done.stderr)


def unit_file_exists(name: str) -> bool:
    """Whether a unit directory has a file for C(name), loaded or not."""
    return any(os.path.exists(os.path.join(directory, name)) for directory in UNIT_DIRECTORIES)


def needs_reload(units: Iterable[Unit]) -> bool:
    """Whether the manager knows less than the unit directories say."""
    return any(
        unit["NeedDaemonReload"] == "yes" or (unit["LoadState"] != "loaded" and unit_file_exists(unit.name))
        for unit in units
    )


def _properties(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.strip().splitlines())
    return {name: value for name, _equals, value in pairs}
