# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A named pipe into which a unit writes as into a file, and which fills no file system."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time

from ansible_collections.stalk.celery.plugins.module_utils._host._bounded import Tail

_CHUNK = 2**16
_TICK = 0.1  # seconds
_PLENTY = 2**24  # bytes; a unit that writes more has to wait between them


class LogPipe:
    """Keeps the end of what is written into the pipe at ``path``, ``size`` bytes of it."""

    def __init__(self, path: str, size: int) -> None:
        self._tail = Tail(size)
        self._over = threading.Event()
        os.mkfifo(path, 0o600)
        # Open for writing too, the pipe has no end when a writer goes.
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.is_set():
            if select.select([self._file], [], [], _TICK)[0]:
                self._read()
            if self._tail.size > _PLENTY:
                time.sleep(_TICK)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._tail.add(os.read(self._file, _CHUNK))

    def close(self) -> str:
        """Read no more than what is there now; returns what was kept."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            self._read()
            os.close(self._file)
        return self._tail.text
