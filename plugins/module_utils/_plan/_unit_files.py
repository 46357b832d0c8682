# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which unit files must not be written, since the units are somebody else's, or run. Decides; touches nothing."""

from __future__ import annotations

import os
from typing import Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File, Found, environment, marker
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

PROPERTIES = ("ActiveState", "SubState", "FragmentPath", "Id", "LoadState", "SourcePath")
_SUFFIXES = (".service", ".target", ".socket", ".timer", ".slice", ".path", ".mount")


def of(files: Iterable[File], directory: str) -> dict[str, File]:
    """Return those of ``files`` that are unit files in the administrator's unit ``directory``, by name of the unit."""
    return {
        os.path.basename(file.path): file
        for file in files
        if os.path.dirname(file.path) == directory and file.path.endswith(_SUFFIXES)
    }


def problems(
    wanted: Mapping[str, File],
    found: Mapping[str, Found],
    units: Mapping[str, Unit],
    elsewhere: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Return why unit files must not be written, by path.

    :param found: what is at their paths.
    :param units: the units as systemd has them.
    :param elsewhere: the files and drop-in directories of other unit directories that have the names of units.
    """
    reasons = {
        file.path: _problem(units[name], _is_ours(file, found.get(file.path)), elsewhere.get(name, ()))
        for name, file in wanted.items()
    }
    return {path: reason for path, reason in reasons.items() if reason}


def _is_ours(file: File, existing: Found | None) -> bool:
    """Return whether the file that is there is one that the collection wrote for the same environment."""
    if existing is None or existing.kind != "file" or not existing.is_roots:
        return False
    return marker(existing.content) is not None and environment(existing.content) == environment(file.content)


def _problem(unit: Unit, is_ours: bool, elsewhere: Sequence[str]) -> str:
    if elsewhere:
        return (
            f"{unit.name} is a unit of this host already: {', '.join(elsewhere)}; give the service another name with "
            "'unit', or remove what brought that."
        )
    if is_ours:
        return ""
    if unit["Id"] not in ("", unit.name):
        return f"{unit.name} is another name of {unit['Id']} on this host; give the service another name with 'unit'."
    if not unit.is_down and unit["ActiveState"]:
        return _running(unit)
    return ""


def _running(unit: Unit) -> str:
    """Return what to do about a unit that runs and is not ours: its own manager has to stop it, while it knows how."""
    file = unit["SourcePath"] or unit["FragmentPath"]
    then = f"then move {file} away and run this again" if file else "then run this again"
    return (
        f"{unit.name} is {unit['ActiveState']} and was not written by stalk.celery: stop it first through its own "
        f"manager, while that knows how ('systemctl stop {unit.name}' lets its tasks end as its own file says; if that "
        f"is gone already, put it back before), {then}. Nothing was changed."
    )
