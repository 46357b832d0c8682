# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk, _passwords, _redis
from ansible_collections.stalk.celery.plugins.modules import realms

from .conftest import Run


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accounts: dict[str, str]) -> Path:
    """Return where the host keeps passwords and users, owned by whoever runs the tests."""
    monkeypatch.setattr(_passwords, "DIRECTORY", str(tmp_path / "passwords"))
    monkeypatch.setattr(realms, "ACL", str(tmp_path / "users.acl"))
    monkeypatch.setattr(_disk, "_ids", lambda _wanted: (os.getuid(), os.getgid()))
    return tmp_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the socket of a Redis that says OK to everything, and what it was told."""
    path, told = str(tmp_path / "redis.sock"), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()

        def answer() -> None:
            client, _address = listening.accept()
            with client:
                while data := client.recv(65536):
                    told.append(data.decode())
                    client.sendall(b"+OK\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield path, told


def redis(run: Run, *names: str, **options: object) -> dict[str, object]:
    """Run the module for a Redis, which need not run."""
    found: dict[str, object] = run("realms", kind="redis", environments=list(names), **{"socket": "/none", **options})
    return found


def passwords(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in (directory / "passwords").iterdir()}


def test_passwords_are_strong_root_only_and_stay(run: Run, directory: Path) -> None:
    first = redis(run, "live", "uat")
    made = passwords(directory)
    assert set(made) == {"live", "uat", "celery-broker"}
    assert len(set(made.values())) == 3
    assert all(len(password) >= 43 for password in made.values())
    assert {os.stat(path).st_mode & 0o777 for path in (directory / "passwords").iterdir()} == {0o600}
    assert os.stat(directory / "passwords").st_mode & 0o777 == 0o700
    again = redis(run, "live", "uat")
    assert (first["changed"], again["changed"], passwords(directory)) == (True, False, made)


def test_no_password_is_printed_or_logged(run: Run, directory: Path, log: list[str]) -> None:
    printed = [redis(run, "live"), run("password_info", environments=["live"])]
    password = passwords(directory)["live"]
    assert printed[1]["passwords"] == {"live": password}
    assert password not in str(printed[0]["printed"])
    assert password not in "\n".join(log)


def test_realms_of_others_stay(run: Run, directory: Path) -> None:
    """A run for uat alone leaves live in; a password that is removed is made anew, or takes its user along."""
    redis(run, "live")
    redis(run, "uat")
    assert {"live", "uat"} <= set(_redis.parsed((directory / "users.acl").read_text()))
    (directory / "passwords" / "live").unlink()
    redis(run, "uat")
    assert "live" not in _redis.parsed((directory / "users.acl").read_text())


def test_a_running_server_is_told_before_the_file_changes(
    run: Run, directory: Path, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a run that dies in between is made good by the next one."""
    path, told = server
    seen: list[bool] = []
    tell = realms._tell

    def look_and_tell(socket: str, password: str, commands: list[list[str]]) -> None:
        seen.append((directory / "users.acl").exists())
        tell(socket, password, commands)

    monkeypatch.setattr(realms, "_tell", look_and_tell)
    redis(run, "live", socket=path)
    assert seen == [False]
    assert "AUTH" in told[0]
    assert any("SETUSER" in words and "live" in words for words in told)
    assert (directory / "users.acl").stat().st_mode & 0o777 == 0o640


def test_check_mode_changes_nothing(run: Run, directory: Path) -> None:
    assert redis(run, "live", check=True)["changed"] is True
    assert [path for path in directory.iterdir() if path.name != "stamps"] == []


def test_an_environment_without_a_password_is_not_in_the_answer(run: Run) -> None:
    assert run("password_info", environments=["live"])["passwords"] == {}
