# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-ins of a unit, those of its kind and of the beginnings of its name too: systemd.unit(5)."""

from __future__ import annotations

import contextlib
import os
from typing import Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import DropIn
from ansible_collections.stalk.celery.plugins.module_utils._host import _paths, _systemctl

_LONGEST = 1 << 20


def roots() -> tuple[str, ...]:
    """Return where drop-ins lie, the most important place first."""
    return ("/etc/systemd/system.control", "/run/systemd/system.control", *_systemctl.UNIT_DIRECTORIES)


def names(unit: str) -> list[str]:
    """Return the directories of the drop-ins of ``unit``, the most special one first."""
    stem, _dot, kind = unit.rpartition(".")
    parts = stem.split("-")
    beginnings = ["-".join(parts[:count]) + "-" for count in range(len(parts) - 1, 0, -1)]
    return [f"{name}.{kind}.d" for name in (stem, *beginnings)] + [f"{kind}.d"]


def find(unit: str, places: Sequence[str]) -> list[DropIn]:
    """Return the drop-ins of ``unit`` in the order in which systemd reads them. One that is masked is empty."""
    found: dict[str, tuple[str, bool]] = {}
    for name in names(unit):
        for directory in (os.path.join(place, name) for place in places):
            for file in _files(directory):
                found.setdefault(file, (os.path.join(directory, file), name == names(unit)[-1]))
    return [DropIn(path, _read(path), general) for _file, (path, general) in sorted(found.items())]


def _files(directory: str) -> list[str]:
    return [name for name in _paths.names(directory) if name.endswith(".conf")]


def _read(path: str) -> str:
    with contextlib.suppress(OSError):
        return _paths.read_linked(path, _LONGEST).decode("utf-8", "replace")
    return ""
