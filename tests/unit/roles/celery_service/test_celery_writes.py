# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""celery_writes: what an application is set up to write to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.trial import attempt

pytestmark = pytest.mark.programs

APP = """
import logging, logging.handlers, os
from celery import Celery
app = Celery("proj", broker="memory://")
"""
DJANGO = """
from django.conf import settings
settings.configure(
    MEDIA_ROOT={closed!r}, FILE_UPLOAD_TEMP_DIR=None,
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {closed!r} + "/db.sqlite3"}},
               "memory": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
               "other": {{"ENGINE": "django.db.backends.postgresql", "NAME": "closed"}}}},
    CACHES={{"files": {{"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": {closed!r}}},
            "memory": {{"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "closed"}}}},
)
"""
FOLDERS = """
app.conf.broker_url = "filesystem://"
app.conf.broker_transport_options = {"data_folder_in": "{closed}"}
"""
HANDLER = "logging.getLogger('a.b').addHandler(logging.FileHandler('{closed}/log', delay=True))"
REFUSE = """
import os
access = os.access
os.access = lambda path, *args, **more: "closed" not in os.fspath(path) and access(path, *args, **more)
"""
CLOSED = "stalk.celery cannot write: "


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Return a directory that nobody can write to, root neither: os.access says so of its path."""
    directory = tmp_path / "closed"
    directory.mkdir()
    return directory


def said(tmp_path: Path, text: str, arguments: str = "worker") -> list[list[str]]:
    """Return what the application with this text says that it cannot write to."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "proj.py").write_text(REFUSE + APP + text)
    trial = attempt(project, ["--app=proj", *arguments.split()], {}, tmp_path / "output")
    assert trial.status == 0, trial.output
    lines = [line for line in trial.output.splitlines() if line.startswith(CLOSED)]
    return [json.loads(line[len(CLOSED) :]) for line in lines]


@pytest.mark.parametrize(
    ("text", "arguments", "name"),
    [
        ("app.conf.result_backend = 'file://{closed}'", "worker", "result_backend"),
        ("app.conf.result_backend = 'file://localhost{closed}'", "worker", "result_backend"),
        (FOLDERS, "worker", "broker_transport_options: data_folder_in"),
        ("app.conf.worker_state_db = '{closed}/state'", "worker", "statedb"),
        ("", "worker --statedb={closed}/state", "statedb"),
        ("", "beat --schedule={closed}/schedule", "schedule"),
        (HANDLER, "beat", "log handler FileHandler"),
        ("os.environ['TMPDIR'] = '{closed}'", "worker", "TMPDIR"),
    ],
)
def test_what_celery_and_logging_write_to(tmp_path: Path, closed: Path, text: str, arguments: str, name: str) -> None:
    place = str(closed)
    assert said(tmp_path, text.replace("{closed}", place), arguments.replace("{closed}", place)) == [[name, place]]


def test_what_django_writes_to(tmp_path: Path, closed: Path) -> None:
    place = str(closed)
    names = ["MEDIA_ROOT", "DATABASES: default", "CACHES: files"]
    assert said(tmp_path, DJANGO.format(closed=place)) == [[name, place] for name in names]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app.conf.worker_state_db = 'state'",
        "app.conf.worker_state_db = ''",
        "os.environ['TMPDIR'] = 'a' * 9999",
        "os.environ['TMPDIR'] = 'closed\\x1b[2J'",
        "class Odd(logging.Handler):\n    baseFilename = property(lambda self: 1 / 0)\nlogging.root.addHandler(Odd())",
        "class Odd(logging.Handler):\n    baseFilename = 7\nlogging.root.addHandler(Odd())",
        "class Endless(list):\n    def __iter__(self):\n        while True: yield logging.NullHandler()\n"
        "logging.getLogger('odd').handlers = Endless()",
    ],
)
def test_odd_settings_are_no_error(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text) == []
