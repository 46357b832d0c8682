# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress for whoever watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """Write one line of progress to stderr."""
    print(f"hosts: {message}", file=sys.stderr, flush=True)


@contextmanager
def saying(message: str) -> Iterator[None]:
    """Say what begins, and how many seconds it took."""
    say(f"{message} ...")
    began = time.monotonic()
    yield
    say(f"{message}: {time.monotonic() - began:.1f} s")
