# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether services run what is on the disk now."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from typing import Iterable, Iterator, Sequence

from ansible_collections.stalk.celery.plugins.module_utils import _disk
from ansible_collections.stalk.celery.plugins.module_utils._owned import Owned


def stale(services: Sequence[Owned]) -> dict[str, list[str]]:
    """Why each of C(services) that runs has to be restarted, by name of the unit, none for one that is current."""
    stamps = _disk.stamps(service.unit.name for service in services)
    newest: dict[str, float] = {}
    result: dict[str, list[str]] = {}
    for service in services:
        if not service.pid:
            result[service.unit.name] = []
            continue
        places = [service.current, service.virtualenv]
        for place, changes in zip(places, (_sources, _packages)):
            if place not in newest:
                newest[place] = max(_changed(changes(place)), default=0.0)
        started = service.unit.started_at
        reasons = {
            "configuration": stamps.get(service.unit.name, 0) > started,
            "release": service.release not in ("", service.current),
            "code": max(newest[place] for place in places) > wall_time(started),
        }
        result[service.unit.name] = [reason for reason, holds in reasons.items() if holds]
    return result


def wall_time(monotonic: int) -> float:
    """The time of day, in seconds since the epoch, of a time in microseconds of CLOCK_MONOTONIC."""
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + monotonic / 1e6


def _changed(paths: Iterable[str]) -> Iterator[float]:
    """When the inodes of C(paths) changed last. Copying files with their times does not hide a change from it."""
    for path in paths:
        with contextlib.suppress(OSError):
            yield os.stat(path).st_ctime


def _sources(directory: str) -> Iterator[str]:
    """The Python files below C(directory), without those of virtual environments and hidden directories."""
    for parent, directories, files in os.walk(directory):
        directories[:] = [
            name
            for name in directories
            if not name.startswith(".") and not os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))
        ]
        yield from (os.path.join(parent, name) for name in files if name.endswith(".py"))


def _packages(virtualenv: str) -> Iterator[str]:
    """What pip and uv make anew for each package that they install."""
    yield from glob.iglob(os.path.join(glob.escape(virtualenv), "lib/python*/site-packages/*.dist-info"))
