# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How logrotate reads the patterns of its files (man 8 logrotate, man 7 glob)."""

from __future__ import annotations

import re

from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import literal_path

_WILDCARDS = re.compile(r"\[0-9\]\*|\*")  # those that the collection puts for Celery's placeholders


def pattern(text: str) -> str:
    """Return a pattern that stands before the brace, of a path and the wildcards that the collection puts there."""
    literal_path(_WILDCARDS.sub("0", text))
    return str(text)


def account(text: str) -> str:
    """Return a user or a group, an argument of ``su`` and ``create``, which are words; those of LDAP may have an @."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?", text):
        raise ValueError("cannot be the name of a user or a group. Write letters, digits, _, @ and -")
    return str(text)
