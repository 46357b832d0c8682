# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How systemd reads values: quoting for environment files and for words that a unit expands from a variable."""

from __future__ import annotations

import re


def environment_value(value: str) -> str:
    """Quote a value for a file that EnvironmentFile= names (man 5 systemd.exec), any string without NUL."""
    return '"' + re.sub(r'(["\\`$])', r"\\\1", value) + '"'


def split_word(value: str) -> str:
    """Quote a word of a variable that systemd splits at white space, as ``$CELERYD_OPTS`` (man 5 systemd.service)."""
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
