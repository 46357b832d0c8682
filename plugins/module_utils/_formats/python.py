# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Python reads a string in a program."""

from __future__ import annotations


def literal(text: str) -> str:
    """Return the literal of any string, in ASCII."""
    return ascii(str(text))
