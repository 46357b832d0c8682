# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.modules import redis_info

from .conftest import Run

APT = "#!/bin/sh\necho 'redis-server:'; echo '  Candidate: 5:6.0.16-1+deb11u2'\n"
NEW_APT = "#!/bin/sh\nif test -e {lists}; then echo '  Candidate: 5:6.0.16-1'; else echo '  Candidate: (none)'; fi\n"
GET = "#!/bin/sh\necho > {lists}\n"
BAD_GET = "#!/bin/sh\necho 'E: Could not get lock' >&2\nexit 100\n"
DNF = "#!/bin/sh\necho 6.2.6\n"
SERVER = "#!/bin/sh\necho 'Redis server v=7.0.15 sha=0:0'\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the programs of the host."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    (directory / "timeout").symlink_to("/usr/bin/timeout")
    return directory


@pytest.fixture
def free() -> Iterator[socket.socket]:
    """Return a socket whose port nobody listens at."""
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", 0))
        yield own


def redis(run: Run, programs: Path, texts: dict[str, str], check: bool = False, port: int = 1) -> dict[str, Any]:
    """Return what the module says of a host that has these programs."""
    for name, text in texts.items():
        path = programs / name.replace("_", "-")
        path.write_text(text)
        path.chmod(0o755)
    program = str(programs / "redis-server")
    options = {"program": program, "package": "redis-server", "environments": ["live"], "host": "redis1"}
    return run("redis_info", check=check, port=port, **options)


@pytest.mark.parametrize(
    ("runs", "configured", "is_told"),
    [
        (True, 0, False),
        (True, 1, True),  # and is to listen at another port, which something else has
        (True, None, True),
        (False, 0, True),
    ],
)
def test_a_port_that_something_else_has(
    run: Run,
    programs: Path,
    free: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    runs: bool,
    configured: int | None,
    is_told: bool,
) -> None:
    """It is no problem that the instance of the collection has it."""
    port = free.getsockname()[1]
    conf = programs / "redis-celery.conf"
    monkeypatch.setattr(redis_info, "CONFIGURATION", str(conf))
    if configured is not None:
        conf.write_text(f"# Managed by stalk.celery\nport {port + configured}\nbind 127.0.0.1\n")
    assert redis(run, programs, {"redis_server": SERVER}, port=port)["problems"] == []
    free.listen()
    texts = {"redis_server": SERVER, "systemctl": f"#!/bin/sh\nexit {0 if runs else 3}\n"}
    problems = redis(run, programs, texts, port=port)["problems"]
    assert ["is not free for redis-celery.service" in problem for problem in problems] == [True] * is_told


@pytest.mark.parametrize(
    ("texts", "version", "problems"),
    [
        ({"redis_server": SERVER, "apt_cache": APT}, "7.0.15", 0),
        ({"apt_cache": APT}, "6.0.16", 1),
        ({"dnf": DNF}, "6.2.6", 1),
        ({}, "", 0),
    ],
)
def test_what_is_installed_counts_and_else_what_would_be(
    run: Run, programs: Path, texts: dict[str, str], version: str, problems: int
) -> None:
    found = redis(run, programs, texts)
    assert (found["version"], len(found["problems"]), found["changed"]) == (version, problems, False)


def test_a_new_host_of_debian_fetches_its_lists_of_packages(run: Run, programs: Path, tmp_path: Path) -> None:
    texts = {"apt_cache": NEW_APT, "apt_get": GET}
    texts = {name: text.format(lists=tmp_path / "lists") for name, text in texts.items()}
    assert redis(run, programs, texts, check=True)["version"] == ""
    assert redis(run, programs, texts)["version"] == "6.0.16"
    (tmp_path / "lists").unlink()
    failed = redis(run, programs, {**texts, "apt_get": BAD_GET})
    assert (failed["failed"], "E: Could not get lock" in failed["msg"]) == (True, True)
