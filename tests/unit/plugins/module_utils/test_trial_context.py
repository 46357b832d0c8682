# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats import _time_span
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import assignments
from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import expanded
from ansible_collections.stalk.celery.plugins.module_utils._host import _context, _interpreter
from ansible_collections.stalk.celery.plugins.module_utils._host._drop_ins import find, names
from ansible_collections.stalk.celery.plugins.module_utils._plan import _exit_codes
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._plan._sandbox import hides
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

W1 = "celery-live-w1.service"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/srv/venv/bin/python3\nimport re\n", "/srv/venv/bin/python3"),
        (b"#! /usr/bin/python3 -sP\nimport re\n", "/usr/bin/python3"),
        (b"#!/bin/sh\n'''exec' \"/srv/a long/bin/python\" \"$0\" \"$@\"\n' '''\n", "/srv/a long/bin/python"),
        (b"#!/bin/sh\n'''exec' /srv/venv/bin/python \"$0\" \"$@\"\n' '''\n", "/srv/venv/bin/python"),
        (b'#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0" "$@"\n', ""),
        (b'#!/bin/sh\nexec /opt/celery "$@"\n', ""),
        (b"#!/usr/bin/env python3\n", ""),
        (b"#!python\n", ""),
        (b"#!/srv/\x1b[2J/python\n", ""),
        (b"\x7fELF\x02\x01", ""),
        (b"", ""),
    ],
)
def test_the_interpreter_of_a_script(head: bytes, expected: str) -> None:
    assert _interpreter.first_line(head) == expected


def virtualenv(directory: Path, line: str, python: str = "python") -> str:
    (directory / "bin").mkdir(parents=True)
    (directory / "bin/celery").write_text(line)
    (directory / "bin" / python).symlink_to(sys.executable)
    return str(directory)


def test_the_application_is_asked_with_the_interpreter_of_celery(tmp_path: Path) -> None:
    """Also where there is no bin/python, as in /usr of Debian, and where celery is no script of Python."""
    system = virtualenv(tmp_path / "usr", f"#!{sys.executable}\n", "python3.11")
    wrapped = virtualenv(tmp_path / "wrapped", "#!/bin/sh\n", "python3")
    assert (_interpreter.interpreter(system), _interpreter.problems(system, "celery_live")) == (sys.executable, [])
    assert _interpreter.interpreter(wrapped) == f"{wrapped}/bin/python3"
    assert _interpreter.interpreter("/does/not/exist") == "/does/not/exist/bin/python"


def test_a_virtual_environment_whose_path_is_a_link(tmp_path: Path) -> None:
    real = virtualenv(tmp_path / "5", f"#!{tmp_path}/5/bin/python\n")
    (tmp_path / "5/pyvenv.cfg").touch()
    (tmp_path / "current").symlink_to(real)
    assert _interpreter.problems(f"{tmp_path}/current", "celery_live") == []


def test_a_virtual_environment_whose_python_was_removed(tmp_path: Path) -> None:
    made = virtualenv(tmp_path / "venv", f"#!{tmp_path}/venv/bin/python\n")
    (tmp_path / "venv/bin/python").unlink()
    (tmp_path / "venv/bin/python").symlink_to("/usr/bin/python3.1")
    (problem,) = _interpreter.problems(made, "celery_live")
    assert "/venv/bin/python, a link to /usr/bin/python3.1, which is not there" in problem


def test_a_script_that_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    os.mkfifo(tmp_path / "bin/celery")
    assert _interpreter.written(str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("1min 30s", 90),
        ("1h 2min", 3720),
        ("1.5min", 90),
        ("500ms", 0.5),
        ("5 minutes", 300),
        ("2d", 172800),
        ("infinity", math.inf),
        ("", None),
        ("soon", None),
        ("5 parsecs", None),
        ("-5", None),
    ],
)
def test_time_spans(text: str, expected: float | None) -> None:
    assert _time_span.seconds(text) == expected


@pytest.mark.parametrize(
    ("start_timeout", "expected"),
    [("90", 120), ("10min", 600), ("0", 3600), ("infinity", 3600), ("9w", 3600), ("", 120), ("?", 120)],
)
def test_an_import_may_take_as_long_as_a_start_and_not_for_ever(start_timeout: str, expected: float) -> None:
    assert _time_span.of_import(start_timeout, 120) == expected


@pytest.mark.parametrize(("status", "name"), [("200", "CHDIR"), ("226", "NAMESPACE"), ("1", ""), ("", ""), ("223", "")])
def test_exit_codes_of_systemd_are_not_those_of_a_program(status: str, name: str) -> None:
    assert (_exit_codes.name(status), bool(_exit_codes.hint(status))) == (name, bool(name))


def test_where_the_drop_ins_of_a_unit_lie() -> None:
    own = ["celery-live-w1.service.d", "celery-live-.service.d", "celery-.service.d", "service.d"]
    assert names(W1) == own
    assert names("celery.service") == ["celery.service.d", "service.d"]


def test_drop_ins_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    texts = {
        "run/celery-live-w1.service.d/b.conf": "run",
        "etc/celery-live-w1.service.d/b.conf": "etc",
        "etc/celery-.service.d/a.conf": "beginning",
        "etc/service.d/c.conf": "all",
        "etc/service.d/b.conf": "hidden",
        "etc/service.d/readme": "no drop-in",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "etc/celery-live-w1.service.d/a.conf").symlink_to("/dev/null")
    found = find(W1, [f"{tmp_path}/etc", f"{tmp_path}/run", "/does/not/exist"])
    assert [(drop_in.text, drop_in.general) for drop_in in found] == [("", False), ("etc", False), ("all", True)]


def test_specifiers_mean_the_unit_and_not_its_trial() -> None:
    assert expanded("/etc/%N.env %n %j %%n %h", W1) == f"/etc/celery-live-w1.env {W1} w1 %%n %h"


@pytest.mark.parametrize(
    ("text", "expected"),
    [('A=1 "B=x y" C=', {"A": "1", "B": "x y", "C": ""}), ("", {}), ("A", {}), ('A="1', {"A": '"1'})],
)
def test_assignments(text: str, expected: dict[str, str]) -> None:
    assert assignments(text) == expected


@pytest.mark.parametrize(
    ("settings", "path", "expected"),
    [
        ([("ProtectHome", "tmpfs")], "/home/deploy/app", True),
        ([("ProtectHome", "yes")], "/root/app", True),
        ([("ProtectHome", "read-only")], "/home/deploy/app", False),
        ([("ProtectHome", "tmpfs"), ("ProtectHome", "no")], "/home/deploy/app", False),
        ([("ProtectHome", "tmpfs"), ("BindReadOnlyPaths", "-/home/deploy /x")], "/home/deploy/app", False),
        ([("ProtectHome", "tmpfs"), ("BindPaths", "/srv/a:/home/b")], "/home/b", False),
        ([("ProtectHome", "tmpfs"), ("BindReadOnlyPaths", "/home/dep")], "/home/deploy/app", True),
        ([("ProtectHome", "tmpfs")], "/homes/app", False),
        ([], "/home/deploy/app", False),
    ],
)
def test_what_the_sandbox_hides(settings: list[tuple[str, str]], path: str, expected: bool) -> None:
    assert hides(settings, path) is expected


def test_a_service_is_asked_with_the_variables_of_its_drop_ins() -> None:
    """A secret of theirs is no argument."""
    properties = {"Environment": 'SECRET_KEY="a b" PYTHONPATH=/srv/lib', "TimeoutStartUSec": "10min"}
    context = _context.Context((Owned("live", "worker", "w1", Unit(W1, properties), {}),))
    assert context.environ == {"SECRET_KEY": "a b", "PYTHONPATH": "/srv/lib"}
    assert "--setenv=PYTHONPATH=/srv/lib" in context.options
    assert not any("a b" in option for option in context.options)
    assert context.import_timeout == 600
