# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How systemd-sysusers reads the fields of its lines (man 5 sysusers.d)."""

from __future__ import annotations

from ansible_collections.stalk.celery.plugins.module_utils._formats.text import plain


def field(text: str) -> str:
    """Quote a field. Empty and ``-`` mean the default there, and % is a specifier."""
    value = plain(text)
    if value in ("", "-"):
        raise ValueError(f"is {value!r}, which stands for a default. Write a value")
    if '"' in value or "\\" in value:
        raise ValueError("has a quote or a backslash. Write it without")
    return '"' + value.replace("%", "%%") + '"'
