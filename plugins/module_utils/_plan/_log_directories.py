# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a service can have its log files where they are wanted. Decides; touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Directory


@dataclass(frozen=True)
class Ground:
    """What is known of a directory that is wanted, or of the last one on the way to it that exists.

    ``told`` is that one with its owner and mode, ``error`` why there is no way.
    """

    is_there: bool = False
    told: str = ""
    is_roots: bool = False
    is_users: bool = False
    is_writable: bool = False
    is_everybodys: bool = False
    error: str = ""


def problems(grounds: Mapping[Directory, Ground]) -> list[str]:
    """Return why directories cannot be used or made, where that is set and what to write instead."""
    reasons = {item: _reason(item.attributes.owner, ground) for item, ground in grounds.items()}
    return [
        f"{item.setting or 'the directory'} is in {item.path}, {reason}: {_advice(item)}."
        for item, reason in reasons.items()
        if reason
    ]


def _advice(item: Directory) -> str:
    own = f"name a directory that belongs to {item.attributes.owner}"
    return f"write {item.instead}, or {own}" if item.instead else own


def _reason(user: str, ground: Ground) -> str:
    if ground.error:
        return f"which cannot be reached ({ground.error})"
    if ground.is_there and ground.is_everybodys:
        return f"which everybody can write to ({ground.told})"
    if ground.is_there and not ground.is_writable:
        return f"where {user} cannot write ({ground.told}), and what exists keeps its owner and mode"
    if not ground.is_there and not (ground.is_roots or ground.is_users):
        return f"which cannot be made for {user} ({ground.told})"
    return ""
