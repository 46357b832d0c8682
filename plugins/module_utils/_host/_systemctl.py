# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of systemd as the modules use them: one call for any number of units."""

from __future__ import annotations

import os
import time
import uuid
from typing import Callable, Iterable, Sequence, Tuple

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._host import _bounded, _paths, _processes
from ansible_collections.stalk.celery.plugins.module_utils._host._bounded import Said
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

Run = Callable[..., Tuple[int, str, str]]

# Where systemd looks for units, that of the administrator first (systemd.unit(5)).
UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
_DROP_INS_OF_ADMINISTRATORS = ("/etc/", "/run/")
PROPERTIES = (
    "ActiveEnterTimestampMonotonic",
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
_OF_STRANGERS = {"StatusText"}  # of the properties, those that a service writes
_STATUS = 500  # characters
_PATIENCE = 60
_ENVIRON = {"LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_LOG_COLOR": "0", "SYSTEMD_PAGER": ""}
_LATE = 124


class SystemdError(Exception):
    """A command of systemd failed; the text is what it said."""


class Systemd:
    """The manager of this host, called by ``run``, which is AnsibleModule.run_command.

    All calls together wait ``timeout`` seconds for jobs.
    """

    def __init__(self, run: Run, timeout: float) -> None:
        self._run = run
        self._deadline = time.monotonic() + timeout
        self._since = int(time.time())

    def show(self, names: Sequence[str], properties: Sequence[str] = PROPERTIES) -> dict[str, Unit]:
        """Return the units ``names``, also those that do not exist."""
        if not names:
            return {}
        output = self._must("show", f"--property={','.join(properties)}", "--", *names)
        blocks = [block for block in output.split("\n\n") if block.strip()]
        if len(blocks) != len(names):
            raise SystemdError(f"systemctl show described {len(blocks)} of {len(names)} units: {output}")
        return {name: Unit(name, _of_process(_properties(block))) for name, block in zip(names, blocks)}

    def reload(self) -> None:
        """Make the manager read all unit files again."""
        self._must("daemon-reload")

    def reset_failed(self, names: Sequence[str]) -> None:
        """Forget that ``names`` failed, and how often."""
        if names:
            self._must("reset-failed", "--", *names)

    def enable(self, names: Sequence[str]) -> None:
        """Have ``names`` started at boot."""
        if names:
            self._must("enable", "--", *names)

    def disable(self, names: Sequence[str]) -> None:
        """Have ``names`` not started at boot."""
        if names:
            self._must("disable", "--", *names)

    def kill(self, name: str, signal: str, whom: str) -> None:
        """Send a signal to ``all`` processes of a unit, or to the ``main`` one."""
        self._must("kill", f"--kill-who={whom}", f"--signal={signal}", "--", name)

    def jobs(self, verb: str, names: Sequence[str]) -> bool:
        """Start, stop, restart or reload ``names`` in parallel and wait for all; False if the time is over before."""
        if not names:
            return True
        code, _output, _errors = self._call(self._deadline - time.monotonic(), "systemctl", verb, "--", *names)
        return code != _LATE

    def journal(self, unit: Unit, keeps_crashing: bool = False) -> str:
        """Return the last lines of the journal about the latest start of ``unit``, and of earlier ones."""
        invocation = unit["InvocationID"] if unit["ActiveState"] != "activating" else ""
        if keeps_crashing:
            this_start = [f"--unit={unit.name}"]
        elif invocation:
            this_start = [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
        else:
            this_start = [f"--unit={unit.name}", f"--since=@{self._since}"]
        return self._journal(*this_start)

    def journal_of(self, pids: Iterable[int]) -> str:
        """Return the last lines in the journal of the processes ``pids``, of which there has to be one."""
        return self._journal(*(f"_PID={pid}" for pid in pids), f"--since=@{self._since}")

    def _journal(self, *chosen: str) -> str:
        options = ["--no-pager", "--quiet", "--output=cat", f"--lines={_JOURNAL_LINES}"]
        self._call(_PATIENCE, "journalctl", "--sync")
        command = ["journalctl", *options, *chosen]
        return _bounded.run(command, _PATIENCE, into=_bounded.Tail(), environ=_ENVIRON).output

    def version(self) -> str:
        """Return what ``systemctl --version`` prints."""
        return self._must("--version")

    def verify(self, paths: Sequence[str]) -> str:
        """Return what ``systemd-analyze verify`` has against the unit files ``paths``."""
        _code, _output, errors = self._call(_PATIENCE, "systemd-analyze", "verify", "--man=no", *paths)
        return errors

    def run(self, seconds: float, options: Sequence[str], command: Sequence[str], data: str) -> Said:
        """Run ``command`` in a transient unit with ``data`` on stdin and these ``options``; nothing of it stays.

        Raises OSError if there is no systemd-run.
        """
        name = f"stalk-celery-{uuid.uuid4()}.service"
        limits = [f"--property=RuntimeMaxSec={seconds:g}", "--property=KillSignal=SIGKILL"]
        transient = ["systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--service-type=exec", f"--unit={name}"]
        # systemd-run expands $NAME in the command (man 1 systemd-run).
        verbatim = [argument.replace("$", "$$") for argument in command]
        said = _bounded.run([*transient, *limits, *options, "--", *verbatim], seconds, data, environ=_ENVIRON)
        if said.fault:
            self._call(_PATIENCE, "systemctl", "stop", "--", name)
        return said

    def _must(self, *arguments: str) -> str:
        code, output, errors = self._call(_PATIENCE, "systemctl", *arguments)
        if code:
            said = errors.strip() or "no answer in time"
            raise SystemdError(f"'systemctl {' '.join(arguments)}' failed: {said}")
        return output

    def _call(self, seconds: float, *command: str) -> tuple[int, str, str]:
        return self._run(
            ["timeout", str(max(1, round(seconds))), *command],
            environ_update=_ENVIRON,
            errors="surrogate_then_replace",
        )


def unit_file_exists(name: str) -> bool:
    """Return whether a unit directory has a file for ``name``, loaded or not."""
    return any(_paths.exists(os.path.join(directory, name)) for directory in UNIT_DIRECTORIES)


def elsewhere(name: str) -> list[str]:
    """Return where others than the administrator have a file or a package has drop-ins for ``name``; no masks."""
    names = [(directory, name) for directory in UNIT_DIRECTORIES[1:]]
    vendors = [directory for directory in UNIT_DIRECTORIES[1:] if not directory.startswith(_DROP_INS_OF_ADMINISTRATORS)]
    paths = [os.path.join(*parts) for parts in (*names, *((directory, f"{name}.d") for directory in vendors))]
    found = {path: _paths.status(path) for path in paths if _paths.target(path) != os.devnull}
    inodes = {(status.st_dev, status.st_ino): path for path, status in found.items() if status is not None}
    return sorted(inodes.values())


def needs_reload(units: Iterable[Unit]) -> bool:
    """Return whether the manager knows less than the unit directories say."""
    return any(
        unit["NeedDaemonReload"] == "yes" or (unit["LoadState"] != "loaded" and unit_file_exists(unit.name))
        for unit in units
    )


def _of_process(properties: dict[str, str]) -> dict[str, str]:
    """Return ``properties`` with the time when the main process started; systemd 252 has that of its taking over.

    One that has taken over is younger than the last start of the unit.
    """
    told, up = (properties.get(f"{event}TimestampMonotonic", "") for event in ("ExecMainStart", "ActiveEnter"))
    if not (told.isdigit() and up.isdigit() and int(told) > int(up) > 0):
        return properties
    started = _processes.started_at(properties.get("MainPID", ""), int(told))
    return {**properties, "ExecMainStartTimestampMonotonic": str(min(started, int(told)))}


def _properties(block: str) -> dict[str, str]:
    """Return the properties in ``block``; a name that comes more than once has a line for each of its values."""
    result: dict[str, str] = {}
    for name, _equals, value in (line.partition("=") for line in block.strip().split("\n")):
        result[name] = f"{result[name]}\n{value}" if name in result else value
    return {**result, **{name: _strangers.text(result[name], _STATUS) for name in _OF_STRANGERS & result.keys()}}
