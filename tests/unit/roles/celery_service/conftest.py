# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.systemd import LIBRARY, Unit

Start = Callable[..., Unit]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return celery_systemd as a process imports it that systemd did not start."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(LIBRARY)
    spec = importlib.util.spec_from_file_location("celery_systemd", LIBRARY / "celery_systemd.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts ``celery <arguments>`` as systemd does; it is killed at the end."""
    units: list[Unit] = []

    def start_unit(*arguments: str, **environment: str) -> Unit:
        units.append(Unit(tmp_path, arguments, environment))
        return units[-1]

    yield start_unit
    for unit in units:
        unit.kill()
