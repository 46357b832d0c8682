# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the files and directories that an application is set up to write to, and say which this process could not.

Reads settings and asks the kernel for permissions; opens and writes nothing. What a setting means that is odd or cannot
be read is not known, and no error.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import suppress
from itertools import islice
from typing import Any, Callable, Iterator, Mapping, NamedTuple

CLOSED = "stalk.celery cannot write: "
MOST = 30
OUTPUT = os.dup(1)
_LONGEST = 4096
_SQLITE = ("sqlite", "spatialite")
_FOLDERS = ("data_folder_in", "data_folder_out", "processed_folder", "control_folder")


class Setting(NamedTuple):
    """What a setting says of a directory, or of a file."""

    name: str
    value: Any
    is_file: bool = False

    @property
    def path(self) -> str:
        """Return the absolute path, '' if the value is none."""
        with suppress(Exception):
            path = os.fsdecode(os.fspath(self.value))
            if path.strip() and path.isprintable() and len(path) < _LONGEST:
                return os.path.abspath(path)
        return ""

    @property
    def directory(self) -> str:
        """Return the directory that is written to."""
        return os.path.dirname(self.path) if self.is_file else self.path

    def is_open(self) -> bool:
        """Return whether this process may write there."""
        if self.is_file and os.path.exists(self.path):
            return os.access(self.path, os.W_OK)
        return os.access(self.directory, os.W_OK | os.X_OK)


def tell(app: Any, own: Mapping[str, Any]) -> None:
    """Print a line for each setting of ``app`` whose place is closed to this process, and of its ``own`` files."""
    closed = (setting for setting in settings(app, own) if setting.path and not setting.is_open())
    for setting in islice(closed, MOST):
        say(CLOSED + json.dumps([setting.name, setting.directory]))


def say(line: str) -> None:
    """Write a line for who reads the output: on a line of its own, and where stdout led before the application."""
    os.write(OUTPUT, f"\n{line}\n".encode())


def settings(app: Any, own: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield what names a file or a directory that is written to."""
    for name, value in own.items():
        yield Setting(name, value, is_file=True)
    yield Setting("TMPDIR", os.environ.get("TMPDIR"))
    for source in (of_celery, of_django, of_logging):
        yield from guarded(source, app)


def guarded(source: Callable[[Any], Iterator[Setting]], app: Any) -> list[Setting]:
    """Return what a ``source`` finds before it stumbles, if it does."""
    found: list[Setting] = []
    with suppress(Exception):
        found.extend(islice(source(app), MOST))
    return found


def of_celery(app: Any) -> Iterator[Setting]:
    """Yield the places of Celery's own results and messages."""
    results, broker = str(app.conf.result_backend or ""), str(app.conf.broker_url or "")
    if results.startswith("file://"):
        yield Setting("result_backend", re.sub("^file://(localhost(?=/))?", "", results))
    for name, url in (("result_backend", results), ("broker_url", broker)):
        scheme, separator, path = url.partition(":///")
        if separator and path and scheme in ("db+sqlite", "sqla+sqlite"):
            yield Setting(name, os.path.dirname(os.path.abspath(path)))
    if broker.startswith("filesystem:"):
        options = app.conf.broker_transport_options or {}
        for key in _FOLDERS:
            yield Setting(f"broker_transport_options: {key}", options.get(key))


def of_django(_app: Any) -> Iterator[Setting]:
    """Yield the places of Django's files, if the application has set Django up."""
    conf: Any = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return
    django = conf.settings
    if not default_storage(django).startswith("storages."):
        yield Setting("MEDIA_ROOT", django.MEDIA_ROOT or None)
    yield Setting("FILE_UPLOAD_TEMP_DIR", django.FILE_UPLOAD_TEMP_DIR)
    for name, database in islice(django.DATABASES.items(), MOST):
        place = str(database.get("NAME") or "")
        if any(kind in str(database.get("ENGINE")) for kind in _SQLITE) and not place.startswith((":memory:", "file:")):
            yield Setting(f"DATABASES: {name}", os.path.dirname(os.path.abspath(place)) if place else None)
    for name, cache in islice(django.CACHES.items(), MOST):
        if "filebased" in str(cache.get("BACKEND")):
            yield Setting(f"CACHES: {name}", cache.get("LOCATION"))


def default_storage(django: Any) -> str:
    """Return the class that keeps files, as Django 4.2 names it, or as older ones do."""
    storages = getattr(django, "STORAGES", None) or {}
    older = getattr(django, "DEFAULT_FILE_STORAGE", None)
    return str(storages.get("default", {}).get("BACKEND") or older or "")


def of_logging(_app: Any) -> Iterator[Setting]:
    """Yield the files of the log handlers that there are, each once."""
    loggers = [logging.root, *islice(list(logging.root.manager.loggerDict.values()), 10_000)]
    handlers = [handler for logger in loggers for handler in islice(getattr(logger, "handlers", []), MOST)]
    files = {getattr(handler, "baseFilename", None): type(handler).__name__ for handler in handlers}
    for path, kind in files.items():
        yield Setting(f"log handler {kind}", path, is_file=True)
