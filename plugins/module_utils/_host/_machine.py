# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tells this machine from all others, also from one that was cloned with its machine id."""

from __future__ import annotations

import contextlib
import hashlib
import os

_MACHINE_ID = "/etc/machine-id"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PROCESSES = "/proc/self/ns/pid"


def identity() -> str:
    """Return the same text while this machine runs, however it was reached, and another one on any other machine.

    Clones have the same machine id until somebody gives them another, but each has booted by itself. Containers of one
    kernel share its boot, but each has its own processes and host name.
    """
    parts = [_read(_MACHINE_ID), _read(_BOOT_ID), os.uname().nodename]
    with contextlib.suppress(OSError):
        parts.append(os.readlink(_PROCESSES))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(200).strip()
    return ""
