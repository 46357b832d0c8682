# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run a rollback undoes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.stalk.celery.plugins.plugin_utils._status._reports import generations_of


class Rollback(TypedDict):
    """``run`` is that of a rollback to be finished, otherwise empty."""

    undo: str
    run: str
    problems: list[str]


def rollback_of(
    hosts: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]],
    wanted: str = "",
    missing: Sequence[str] = (),
    limit: str = "",
) -> Rollback:
    """Return the run that a rollback undoes, and why it must not begin.

    It undoes the last run that left a difference on any host. A rollback that died is finished, and not undone.

    :param hosts: what the module generation_info returns, of each host.
    :param wanted: the run that the user wants to have undone, empty for the last one.
    :param missing: hosts of the environments that could not be asked.
    :param limit: the text of ``--limit``, empty when there is none.
    """
    wrong: list[str] = []
    listed = [generations_of(host, wrong) for host in hosts]
    kept = [generation for host in listed for generations in host.values() for generation in generations]
    runs = sorted({one["run"] for one in kept}, reverse=True)
    unfinished = [one["undoes"] for one in kept if one["run"] == runs[0] and one["unfinished"] and not wanted]
    undo = unfinished[0] if unfinished else _run_to_undo(kept, wanted)
    problems = _unreachable(missing, limit) if missing else [] if undo else [_nothing(runs, wanted)]
    return {
        "undo": undo,
        "run": runs[0] if unfinished else "",
        "problems": [f"One of the hosts: {problem}" for problem in wrong] or problems,
    }


def _run_to_undo(kept: Sequence[Mapping[str, Any]], wanted: str) -> str:
    runs = [one["run"] for one in kept if (one["run"] == wanted if wanted else one["differs"])]
    return max(runs, default="")


def _unreachable(missing: Sequence[str], limit: str) -> list[str]:
    left_out = ":".join([limit or "all", *(f"!{host}" for host in missing)])
    return [
        f"{', '.join(missing)} could not be reached, so what they have kept is unknown. Nothing was changed. Bring "
        f"them back, or leave them out: -l '{left_out}'"
    ]


def _nothing(runs: Sequence[str], wanted: str) -> str:
    known = f"the runs that kept something are {', '.join(runs)}" if runs else "no run kept anything"
    if wanted:
        return f"'celery_rollback_run' names the run {wanted!r}, before which no host kept anything; {known}."
    return f"There is nothing to go back to: no host kept anything that differs from what it runs now ({known})."
