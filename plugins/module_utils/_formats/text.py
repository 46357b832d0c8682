# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no file that the collection writes may have in a value: characters that readers take for the end of a line."""

from __future__ import annotations

import unicodedata

_CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # C0, DEL and C1; lone surrogates; the line and the paragraph separator
_NAMES = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab", "\0": "a NUL character"}
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # make a text look like another one


def control_of(text: str) -> str | None:
    """Return how people call the first control character of a text, None if it has none."""
    for character in text:
        if character in _REORDERING or unicodedata.category(character) in _CONTROLS:
            return _NAMES.get(character, f"the control character U+{ord(character):04X}")
    return None


def is_unicode(text: str) -> bool:
    """Return whether systemd takes a text for valid UTF-8, which has neither surrogates nor noncharacters."""
    numbers = [ord(character) for character in text if character > "\ud7ff"]
    return not any(0xD800 <= n <= 0xDFFF or 0xFDD0 <= n <= 0xFDEF or n & 0xFFFE == 0xFFFE for n in numbers)


def plain(text: str) -> str:
    """Return a text as a string that is no subclass. Raise ValueError if it has a control character."""
    control = control_of(text)
    if control:
        raise ValueError(f"has {control}. Write it without")
    if not is_unicode(text):
        raise ValueError("is not valid UTF-8 for systemd. Write it without that character")
    return str(text)


def comment(text: str) -> str:
    """Return the text of a comment line. A backslash at its end would join the next line to it in some formats."""
    if "\\" in plain(text):
        raise ValueError("has a backslash. Write it without")
    return str(text)
