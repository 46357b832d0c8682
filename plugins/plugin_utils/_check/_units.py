# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the names of units: no name that systemd, this collection or another environment uses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.stalk.celery.plugins.module_utils._plan._units import FAILING

_RESERVED = re.compile(r"systemd-|stalk[.-]|redis-celery|(dbus|init|rabbitmq-server|redis|redis-server|valkey)\.")
# The suffixes of files in /etc/logrotate.d that logrotate passes over (man 8 logrotate, tabooext).
_PASSED_OVER = re.compile(
    r".*(~|,v|\.(bak|cfsaved|disabled|dpkg-[a-z]+|rhn-cfg-tmp-.*|rpm(new|orig|save)|swp|ucf-(dist|new|old)))"
)


def problem_of_unit(unit: str, environment: str, environments: Iterable[str]) -> str | None:
    """Return why a service must not have a unit of this name, and what to write.

    :param environments: the names of all environments.
    """
    right = f"Write another name, as celery-{environment}-w1.service."
    if _RESERVED.match(unit):
        return f"is {unit}, a name for units of systemd, of a broker or of this collection. {right}"
    if unit.endswith(FAILING):
        return f"is {unit}, as what is failed while a service keeps crashing is called. {right}"
    for other in environments:
        if other != environment and unit.startswith(f"celery-{other}-"):
            return f"is {unit}, as a unit of environment {other} is called. {right}"
    return None


def is_passed_over(stem: str) -> bool:
    """Return whether logrotate ignores a file of this name."""
    return bool(_PASSED_OVER.fullmatch(stem))
