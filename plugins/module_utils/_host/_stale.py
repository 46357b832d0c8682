# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether services run what is on the disk now. Their trees belong to strangers: see ``_apart``."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import time
from dataclasses import replace
from typing import Any, Callable, Iterable, Iterator, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import _apart, _disk, _releases
from ansible_collections.stalk.celery.plugins.module_utils._host._apart import Account, Job
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

Find = Callable[[str, float], Iterator[str]]

_MOST_ENTRIES = 200_000
_MOST_SECONDS = 4.0


def look(services: Sequence[Owned], warn: Callable[[str], None]) -> tuple[list[Owned], dict[str, list[str]]]:
    """``services`` with their releases, and why each that runs has to be restarted, by unit, none if it is current."""
    accounts = {service.unit.name: _account(service) for service in services}
    groups = {account: [one for one in services if accounts[one.unit.name] == account] for account in accounts.values()}
    answers = _apart.look_all({account: _job(account, group) for account, group in groups.items()})
    for account in (account for account, answer in answers.items() if answer is None):
        names = ", ".join(map(str, groups[account]))
        warn(f"{names}: its directories do not answer within {_apart.SECONDS:g} s, so its code is not compared.")
    found = [_with_releases(service, answers[accounts[service.unit.name]]) for service in services]
    stamps = _disk.change_times(service.unit.name for service in services)
    newest = {account: answer["newest"] if answer else {} for account, answer in answers.items()}
    return found, {
        service.unit.name: _reasons(service, stamps, newest[accounts[service.unit.name]]) for service in found
    }


def _account(service: Owned) -> Account:
    return Account(service.user, service.group, service.supplementary_groups)


def _job(account: Account, services: Sequence[Owned]) -> Job:
    """Return what looks at the trees of services of one user."""

    def before() -> dict[str, _releases.Cwd]:
        return {service.unit.name: _releases.cwd(str(service.pid)) for service in services if service.pid}

    def look(works_in: dict[str, _releases.Cwd]) -> dict[str, Any]:
        current = {service.unit.name: _releases.real(service.directory) for service in services}
        running = [service for service in services if service.pid]
        sources = {current[service.unit.name]: _sources for service in running}
        packages = {service.virtualenv: _packages for service in running}
        return {
            "current": current,
            "release": {
                service.unit.name: _releases.release(works_in.get(service.unit.name), service.directory)
                for service in services
            },
            "newest": _newest([*sources.items(), *packages.items()], time.monotonic() + _MOST_SECONDS),
        }

    return Job(account, look, before)


def _newest(places: Iterable[tuple[str, Find]], deadline: float) -> dict[str, float]:
    """Return when what is found in each place changed last; a place may be a project and its virtual environment."""
    result: dict[str, float] = {}
    for place, find in places:
        result[place] = max(itertools.chain([result.get(place, 0.0)], _changed(find(place, deadline))))
    return result


def _with_releases(service: Owned, answer: Any) -> Owned:
    if answer is None:
        return replace(service, current=service.directory)
    name = service.unit.name
    return replace(service, release=answer["release"][name], current=answer["current"][name])


def _reasons(service: Owned, stamps: dict[str, int], newest: dict[str, float]) -> list[str]:
    if not service.pid:
        return []
    started = service.unit.started_at
    reasons = {
        "configuration": stamps.get(service.unit.name, 0) > started,
        "release": service.release not in ("", service.current),
        "code": max(newest.get(place, 0.0) for place in (service.current, service.virtualenv)) > wall_time(started),
    }
    return [reason for reason, holds in reasons.items() if holds]


def wall_time(monotonic: int) -> float:
    """Return the time of day, in seconds since the epoch, of a time in microseconds of CLOCK_MONOTONIC."""
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + monotonic / 1e6


def _changed(paths: Iterable[str]) -> Iterator[float]:
    """Yield when the inodes of ``paths`` changed last. Copying files with their times hides no change from it."""
    for path in paths:
        with contextlib.suppress(OSError):
            yield os.stat(path, follow_symlinks=False).st_ctime


def _sources(directory: str, deadline: float) -> Iterator[str]:
    """Yield the Python files that really lie below ``directory``, without virtual environments and hidden directories.

    Of a very large tree only the beginning, and nothing of the whole file system.
    """
    left, waiting = _MOST_ENTRIES, [directory] if directory != "/" else []
    while waiting and left > 0 and time.monotonic() < deadline:
        parent = waiting.pop()
        for entry in _entries(parent, left):
            left -= 1
            if not entry.is_dir(follow_symlinks=False):
                yield from [entry.path] if entry.name.endswith(".py") else []
            elif not entry.name.startswith(".") and not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                waiting.append(entry.path)


def _entries(directory: str, most: int) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(directory) as scan:
        return list(itertools.islice(scan, most))
    return []


def _packages(virtualenv: str, _deadline: float) -> Iterator[str]:
    """Yield what pip and uv make anew for each package that they install."""
    pattern = os.path.join(glob.escape(virtualenv), "lib/python*/site-packages/*.dist-info")
    yield from itertools.islice(glob.iglob(pattern), _MOST_ENTRIES)
