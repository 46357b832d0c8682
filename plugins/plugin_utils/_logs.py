# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log files: their directory, and what logrotate has to look for."""

from __future__ import annotations

import posixpath
import re

# Celery's manual, Workers Guide, on --logfile; %I is empty in the main process, and a hyphen and the index in children.
_PLACEHOLDERS = {"%i": "[0-9]*", "%h": "*", "%d": "*", "%p": "*", "%%": "%"}


def directory_of(log_file: str, own: str) -> str | None:
    """Return the directory of a log file, unless it is the one that systemd makes for the environment (``own``)."""
    directory = posixpath.dirname(log_file)
    return None if directory in ("", own) or directory.startswith(f"{own}/") else directory


def patterns_of(log_file: str, node: str) -> list[str]:
    """Return the patterns of all files that a service with this log file and node name writes, and of no other."""
    name = node.partition("@")[0]
    variants = [log_file.replace("%I", index) for index in ("", "-[0-9]*")] if "%I" in log_file else [log_file]
    return [re.sub("%.", lambda found: _PLACEHOLDERS.get(found[0], name), variant) for variant in variants]
