# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a trial says it could not write to, and whether it is the sandbox that closes it. Decides; touches nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._plan import _sandbox
from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import Trial

_CANNOT_WRITE = "stalk.celery cannot write: "
_MOST = 30
_LONGEST = 4096


@dataclass(frozen=True)
class Place:
    """What a directory is to the user of a service outside of the sandbox."""

    exists: bool
    is_writable: bool


def claims(output: str) -> list[tuple[str, str]]:
    """Return setting and path of what a trial could not write to, as its ``output`` says; all may be lies."""
    lines = [line[len(_CANNOT_WRITE) :] for line in output.splitlines() if line.startswith(_CANNOT_WRITE)]
    return list(dict.fromkeys(claim for claim in map(_claim, lines[:_MOST]) if claim))


def _claim(text: str) -> tuple[str, str] | None:
    try:
        found = _strangers.parsed(text[: 2 * _LONGEST])
    except ValueError:
        return None
    if not (
        isinstance(found, list) and len(found) == len(("name", "path")) and all(isinstance(part, str) for part in found)
    ):
        return None
    name, path = found
    is_path = path.startswith("/") and len(path) < _LONGEST and os.path.normpath(path) == path
    return (name, path) if is_path and name.isprintable() and path.isprintable() else None


def warnings(trial: Trial, output: str, look: Callable[[str], Place]) -> list[str]:
    """Return a sentence for each directory that the service of ``trial`` cannot write to, with all that needs it.

    ``look`` tells what the user can do there without the sandbox.
    """
    needs: dict[str, list[str]] = {}
    for name, path in claims(output):
        if not _sandbox.is_below(path, trial.made):
            needs.setdefault(path, []).append(name)
    places = {path: look(path) for path in needs}
    return [_sentence(trial, path, needs[path], place.is_writable) for path, place in places.items() if place.exists]


def _sentence(trial: Trial, path: str, names: Sequence[str], is_writable: bool) -> str:
    service = trial.service
    begins = f"{service.variable}, {service.name}: the application writes to {path} ({', '.join(names)})"
    if not is_writable:
        return f"{begins}, where its user {service.user!r} may not write: give it the directory, or set another one."
    closed = "hides" if _sandbox.hides(trial.settings, path) else "makes read-only"
    return f"{begins}, which the sandbox {closed}: add write_paths: [{path}] to {service.variable}."
