# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How systemd reads values: in units, in environment files, and as words that a unit expands from a variable."""

from __future__ import annotations

import re

from ansible_collections.stalk.celery.plugins.module_utils._formats.text import is_unicode, plain

# What EnvironmentFile=, ReadWritePaths=, BindPaths=, logrotate and sysusers.d all take literally; % is a specifier.
_PATH = re.compile(r"/(?:[A-Za-z0-9_.,+@%=~/-]|[^\x00-\x7f])*")


def unit_value(text: str) -> str:
    """Return the value of a directive in which systemd expands specifiers (man 5 systemd.unit)."""
    return unit_text(text).replace("%", "%%")


def unit_text(text: str) -> str:
    """Return the value of a directive that knows no specifiers, on a line of its own (man 7 systemd.syntax)."""
    value = plain(text)
    if value != value.strip():
        raise ValueError("begins or ends with white space, which systemd drops. Write it without")
    if value.endswith("\\"):
        raise ValueError("ends with a backslash, which joins the next line to it. Write it without")
    return value


def unit_path(text: str) -> str:
    """Return a path for a directive that takes one path or a list of them."""
    return literal_path(text).replace("%", "%%")


def literal_path(text: str) -> str:
    """Return a path that all readers take literally."""
    value = plain(text)
    if not value.startswith("/"):
        raise ValueError("is not an absolute path. Write it from the root, for example /home/live/edc")
    if not _PATH.fullmatch(value) or not value.isprintable():
        raise ValueError(
            "is a path with white space, quotes or other characters that systemd or logrotate treats specially. "
            "Use a path of letters, digits and . _ - + , @ % = ~"
        )
    return value


def environment_value(text: str) -> str:
    """Quote a value for a file that EnvironmentFile= names (man 5 systemd.exec), any string without NUL."""
    if "\0" in text:
        raise ValueError("has a NUL character, which no variable can have. Encode the value, for example in base64")
    if not is_unicode(text):
        raise ValueError("is not valid UTF-8: systemd would refuse the whole file. Encode it, for example in base64")
    return '"' + re.sub(r'(["\\`$])', r"\\\1", str(text)) + '"'


def split_word(text: str) -> str:
    """Quote a word of a variable that systemd splits at white space, as ``$CELERYD_OPTS`` (man 5 systemd.service)."""
    value = plain(text)
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def command_word(text: str) -> str:
    """Quote a word of ExecStart= (man 5 systemd.service), in which systemd shall expand nothing."""
    escaped = re.sub(r'(["\\])', r"\\\1", plain(text))
    return '"' + escaped.replace("%", "%%").replace("$", "$$") + '"'
