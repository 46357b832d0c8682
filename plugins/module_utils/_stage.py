# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials of new units on a host: put up, run, take down again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Iterable, Iterator, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils import _disk, _envfile, _systemctl, _trial
from ansible_collections.stalk.celery.plugins.module_utils._files import File
from ansible_collections.stalk.celery.plugins.module_utils._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._systemctl import Systemd

TRANSIENT_UNITS = "/run/systemd/system"


@dataclass(frozen=True)
class Trial:
    """A new unit that is run once, with C(staged) copies of its environment files."""

    service: Service
    text: str
    staged: Mapping[str, bytes]
    variables: Mapping[str, str]

    @property
    def unit(self) -> str:
        return f"{_trial.PREFIX}{self.service.unit}"

    @property
    def output(self) -> str:
        return os.path.join(directory_of(self.service), "output")


def directory_of(service: Service) -> str:
    """Where the files of the trial of C(service) are."""
    return os.path.join(_disk.STAMPS, "try", service.unit)


def prepare(service: Service, files: Iterable[File], accounts: Iterable[str]) -> Trial | None:
    """The trial of C(service) with its C(files), or None if its new unit does not run celery as the collection's do."""
    directory = directory_of(service)
    own = [file for file in files if file.unit == service.unit]
    copies = {file.path: os.path.join(directory, f"environment-{number}") for number, file in enumerate(own)}
    text = _trial.trial_unit(
        unit_text(service, own),
        [os.path.join(service.virtualenv, "bin/python"), os.path.join(directory, "try_app.py")],
        os.path.join(directory, "output"),
        copies,
        accounts,
    )
    if text is None:
        return None
    variables: dict[str, str] = {}
    for file in own:
        variables.update(_envfile.entries(file.content.decode("utf-8", "replace")) or {})
    return Trial(service, text, {copies[file.path]: file.content for file in own}, variables)


def unit_text(service: Service, files: Iterable[File]) -> str:
    """The text of the new unit file of C(service), empty if C(files) have none."""
    texts = (file.content for file in files if os.path.basename(file.path) == service.unit)
    return next(texts, b"").decode("utf-8", "replace")


def verify(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """What systemd has against the unit files C(texts), by name of the unit."""
    if not texts:
        return {}
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in texts]
        for path, text in zip(paths, texts.values()):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        answer = _systemctl.run(["systemd-analyze", "verify", "--man=no", *paths], 60)
        return _trial.complaints(answer.errors, directory, texts)


def carry_out(systemd: Systemd, trials: Sequence[Trial], script: str) -> dict[str, list[str]]:
    """Run all C(trials) at once; returns the problems by name of the service's unit, none for one that went well."""
    with _put_up(systemd, trials, script):
        systemd.jobs("restart", [trial.unit for trial in trials])
        ended = systemd.show([trial.unit for trial in trials])
        return {
            trial.service.unit: _trial.failure(trial.service, ended[trial.unit], _read(trial.output), trial.variables)
            for trial in trials
        }


@contextlib.contextmanager
def _put_up(systemd: Systemd, trials: Sequence[Trial], script: str) -> Iterator[None]:
    try:
        for trial in trials:
            _write(trial, script)
        systemd.reload()
        yield
    finally:
        _take_down(systemd, trials)


def _write(trial: Trial, script: str) -> None:
    directory = directory_of(trial.service)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, 0o755)
    os.chmod(directory, 0o711)
    for path, content in {**trial.staged, trial.output: b""}.items():
        _create(path, content, 0o600)
    _create(os.path.join(directory, "try_app.py"), script.encode(), 0o644)
    _create(os.path.join(TRANSIENT_UNITS, trial.unit), trial.text.encode(), 0o644)


def _create(path: str, content: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)


def _take_down(systemd: Systemd, trials: Sequence[Trial]) -> None:
    names = [trial.unit for trial in trials]
    ended = systemd.show(names).values()
    systemd.jobs("stop", [unit.name for unit in ended if not unit.is_down])
    systemd.reset_failed([unit.name for unit in ended if unit["ActiveState"] == "failed"])
    for trial in trials:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(TRANSIENT_UNITS, trial.unit))
        shutil.rmtree(directory_of(trial.service), ignore_errors=True)
    systemd.reload()


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
