# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Redis reads the rules of its users (redis.io, ACL)."""

from __future__ import annotations

import re


def name(text: str) -> str:
    """Return a name as a user and as the beginning of its keys, in which no character is a pattern."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", text):
        raise ValueError("cannot be a user of Redis. Write letters, digits, _ and -")
    return str(text)
