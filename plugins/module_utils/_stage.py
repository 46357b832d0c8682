# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials of new units on a host: put up, run, taken down again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import Callable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils import _disk, _trial
from ansible_collections.stalk.celery.plugins.module_utils._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._trial import Trial

TRANSIENT_UNITS = "/run/systemd/system"


def verify(systemd: Systemd, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """What systemd has against the unit files C(texts), by name of the unit."""
    if not texts:
        return {}
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in texts]
        for path, text in zip(paths, texts.values()):
            _create(path, text.encode(), 0o644)
        return _trial.complaints(systemd.verify(paths), directory, texts)


def carry_out(
    systemd: Systemd, trials: Sequence[Trial], script: str, warn: Callable[[str], None]
) -> dict[str, list[str]]:
    """Run all C(trials) at once; returns the problems by name of the service's unit, none of one that went well."""
    if not trials:
        return {}
    names = [trial.name for trial in trials]
    try:
        for trial in trials:
            _put_up(trial, script)
        systemd.reload()
        systemd.jobs("restart", names)
        ended = systemd.show(names)
        outputs = {trial: _read(trial.output) for trial in trials}
        for trial, output in outputs.items():
            for text in _trial.warnings(trial, output):
                warn(text)
        return {trial.service.unit: _trial.failure(trial, ended[trial.name], outputs[trial]) for trial in trials}
    finally:
        _take_down(systemd, trials)


def _put_up(trial: Trial, script: str) -> None:
    _remove(trial)
    os.makedirs(trial.directory, 0o755)
    os.chmod(trial.directory, 0o711)
    for path, file in trial.copies.items():
        _create(path, file.content, 0o600)
    _create(trial.output, b"", 0o600)
    _create(trial.script, script.encode(), 0o644)
    _create(os.path.join(TRANSIENT_UNITS, trial.name), (trial.unit or "").encode(), 0o644)


def _create(path: str, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with _disk.naming(path), open(os.open(path, flags, 0o600), "wb") as file:
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
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(trial.directory)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
