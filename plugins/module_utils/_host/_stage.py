# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials of new units on a host: put up, run, taken down again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from typing import Iterator, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import _apart, _interpreter, _paths
from ansible_collections.stalk.celery.plugins.module_utils._host._apart import Account, Job
from ansible_collections.stalk.celery.plugins.module_utils._host._log_pipe import LogPipe
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _sandbox, _trial
from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import Trial
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit
from ansible_collections.stalk.celery.plugins.module_utils._plan._verdict import Outcome

TRANSIENT_UNITS = "/run/systemd/system"
_MOST_OUTPUT = 2**18  # bytes


def verify(systemd: Systemd, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what systemd has against the unit files ``texts``, by name of the unit."""
    if not texts:
        return {}
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in texts]
        for path, text in zip(paths, texts.values()):
            _create(path, text.encode(), 0o644)
        return _trial.complaints(systemd.verify(paths), directory, texts)


def carry_out(systemd: Systemd, trials: Sequence[Trial], program: Mapping[str, str]) -> dict[str, Outcome]:
    """Run all ``trials`` at once, with the files of ``program``; returns how they ended, by name of the unit."""
    if not trials:
        return {}
    with _alone(trials):
        return _carry_out(systemd, trials, program)


def _carry_out(systemd: Systemd, trials: Sequence[Trial], program: Mapping[str, str]) -> dict[str, Outcome]:
    names = [trial.name for trial in trials]
    logs: dict[Trial, LogPipe] = {}
    try:
        for trial in trials:
            _put_up(trial, program)
            logs[trial] = LogPipe(trial.output, _MOST_OUTPUT)
        systemd.reload()
        systemd.jobs("restart", names)
        ended = systemd.show(names)
        return {trial.service.unit: _outcome(systemd, trial, ended[trial.name], logs[trial]) for trial in trials}
    finally:
        for log in logs.values():
            log.close()
        _take_down(systemd, trials)


@contextlib.contextmanager
def _alone(trials: Sequence[Trial]) -> Iterator[None]:
    """Wait until no other run tries the same services: it would have the same units and directories."""
    with contextlib.ExitStack() as held:
        for directory in sorted(trial.directory for trial in trials):
            _make_way(os.path.dirname(directory))
            held.callback(os.close, _lock(f"{directory}.lock"))
            held.callback(os.unlink, f"{directory}.lock")
        yield


def _make_way(directory: str) -> None:
    """Make ``directory`` and the one above it, which users have to pass through, whatever the umask."""
    os.makedirs(directory, exist_ok=True)
    for path in (os.path.dirname(directory), directory):
        os.chmod(path, 0o755)


def _lock(path: str) -> int:
    """Return the descriptor of a new file that is locked, when the one of another run is gone."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)


def _outcome(systemd: Systemd, trial: Trial, ended: Unit, log: LogPipe) -> Outcome:
    outcome = Outcome(ended, log.close())
    if outcome.is_success:
        return outcome
    return Outcome(ended, outcome.output, systemd.journal(ended), _looked(trial))


def _looked(trial: Trial) -> dict[str, str]:
    """Return what ``hidden`` says, asked as the user of the trial, to whom the places belong."""
    service = trial.service
    account = Account(service.user if "User" in trial.accounts else "", service.group)
    found: dict[str, str] = _apart.look(Job(account, lambda _found: hidden(trial))) or {}
    return found


def hidden(trial: Trial) -> dict[str, str]:
    """Return what of ``trial`` leads to a place that its sandbox hides: what, and the directory to show."""
    service = trial.service
    python = _interpreter.interpreter(service.virtualenv)
    leads = {
        f"'directory' {service.directory}": (service.directory, 1),
        f"{service.virtualenv}/bin/celery": (_interpreter.celery(service.virtualenv), 2),
        f"Python {python}": (python, 2),
    }
    places = {what: (os.path.realpath(path), parents) for what, (path, parents) in leads.items()}
    return {
        what: "/".join(path.split("/")[:-parents])
        for what, (path, parents) in places.items()
        if _sandbox.hides(trial.settings, path) and path.isprintable()
    }


def _put_up(trial: Trial, program: Mapping[str, str]) -> None:
    _remove(trial)
    os.makedirs(trial.directory, 0o755)
    os.chmod(trial.directory, 0o711)
    for path, file in trial.copies.items():
        _create(path, file.content, 0o600)
    for name, text in program.items():
        path = os.path.join(trial.path, name)
        _make_readable(os.path.dirname(path))
        _create(path, text.encode(), 0o644)
    for name in trial.masks:
        os.makedirs(_drop_ins_of(trial), exist_ok=True)
        os.symlink(os.devnull, os.path.join(_drop_ins_of(trial), name))
    _create(os.path.join(TRANSIENT_UNITS, trial.name), (trial.unit or "").encode(), 0o644)


def _make_readable(directory: str) -> None:
    if not os.path.isdir(directory):
        _make_readable(os.path.dirname(directory))
        os.mkdir(directory)
        os.chmod(directory, 0o755)


def _drop_ins_of(trial: Trial) -> str:
    return os.path.join(TRANSIENT_UNITS, f"{trial.name}.d")


def _create(path: str, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with _paths.with_filename(path), open(os.open(path, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)


def _take_down(systemd: Systemd, trials: Sequence[Trial]) -> None:
    ended = systemd.show([trial.name for trial in trials]).values()
    systemd.jobs("stop", [unit.name for unit in ended if not unit.is_down])
    systemd.reset_failed([unit.name for unit in ended if unit["ActiveState"] == "failed"])
    for trial in trials:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(TRANSIENT_UNITS, trial.name))
        _remove(trial)
    systemd.reload()


def _remove(trial: Trial) -> None:
    for directory in (trial.directory, _drop_ins_of(trial)):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory)
