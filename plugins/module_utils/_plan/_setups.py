# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A set-up of somebody else's that starts Celery: what its manager says of it. Decides; touches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

SYSTEMD, SUPERVISOR, INIT, NONE = "systemd", "supervisor", "init", ""


@dataclass(frozen=True)
class SetUp:
    """One command and what its manager gives it.

    :param name: the unit, program or script.
    :param source: the file that says so.
    :param text: the line with the command, as it is written.
    :param settings: what else the manager does, key and value; the key of what is told otherwise is not among them.
    :param is_enabled: whether it starts at boot, None where another look tells.
    """

    manager: str
    name: str
    source: str
    text: str = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    user: str = ""
    group: str = ""
    directory: str = ""
    variables: Mapping[str, str] = field(repr=False, default_factory=dict)
    settings: tuple[tuple[str, str], ...] = ()
    is_enabled: bool | None = None
