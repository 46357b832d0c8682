# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages in virtual environments: by a pip that stands for the real one, and once by that."""

from __future__ import annotations

import json
import os
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _bounded
from ansible_collections.stalk.celery.plugins.module_utils._host._bounded import Said
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.modules import virtualenvs

from .conftest import Run

pytestmark = pytest.mark.programs

# Makes virtual environments, and is their interpreter, in which packages are files.
PYTHON = r"""
import json, os, sys, time
from pathlib import Path

me, words = Path(sys.argv[0]), sys.argv[1:]
home = Path(os.environ["HOME"])

def told(name):
    return (home / name).read_text() if (home / name).exists() else ""

if words[:2] == ["-I", "-c"]:
    print(told("lacks") or "[]")
elif words[:2] == ["-m", "venv"]:
    virtualenv = Path(words[-1])
    (virtualenv / "bin").mkdir(parents=True, exist_ok=True)
    (virtualenv / "pyvenv.cfg").touch()
    (virtualenv / "bin/python").write_text(me.read_text())
    (virtualenv / "bin/python").chmod(0o755)
    if told("interrupt"):
        sys.exit("killed")
    site = virtualenv / "lib/python3.11/site-packages"
    (site / "pip").mkdir(parents=True)
    (site / "pip/__main__.py").touch()
    (virtualenv / "bin/activate").touch()
else:
    (home / "words").write_text(" ".join(words))
    while told("hang") or told("spin"):
        time.sleep(0 if told("spin") else 60)
        if os.getppid() == 1:
            sys.exit()
    if told("fail"):
        sys.exit(told("fail"))
    wanted = [line.split("==") for line in Path(words[-1]).read_text().split() if "==" in line]
    site = me.parents[1] / "lib/python3.11/site-packages"
    news = [(name, version) for name, version in wanted if not (site / f"{name}-{version}.dist-info").exists()]
    if "--dry-run" in words:
        found = [{"metadata": {"name": name, "version": version}} for name, version in news]
        Path(words[words.index("--report") + 1]).write_text(json.dumps({"install": found}))
        sys.exit()
    for name, version in news:
        for old in site.glob(f"{name}-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        (site / f"{name}-{version}.dist-info").mkdir()
        for file in ("RECORD", "INSTALLER"):
            (site / f"{name}-{version}.dist-info" / file).write_text("x")
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of the user, who has an interpreter of her own; units are processes."""

    def run(self: Systemd, seconds: float, options: Sequence[str], command: Sequence[str], data: str) -> Said:
        assert any(option.startswith("--uid=") for option in options)
        return _bounded.run(command, seconds, data)

    monkeypatch.setattr(Systemd, "run", run)
    home = tmp_path / "home"
    (home / ".local/bin").mkdir(parents=True)
    program = home / ".local/bin/python3"
    program.write_text(f"#!{sys.executable} -IS\n{PYTHON}")
    program.chmod(0o755)
    return home


def environment(home: Path, accounts: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return an environment with packages."""
    name = str(more.get("name", "live"))
    return {
        "name": name,
        "user": accounts["owner"],
        "home": str(home),
        "virtualenv": str(home / name),
        "packages": ["six==1.0"],
        "units": [f"celery-{name}-w1.service"],
        **more,
    }


def test_a_virtual_environment_is_made_and_a_second_run_changes_nothing(
    run: Run, home: Path, accounts: dict[str, str], stamps: Path
) -> None:
    live = environment(home, accounts)
    assert run("virtualenvs", environments=[live], check=True)["upgraded"] == ["live"]
    assert not (home / "live").exists()
    first = run("virtualenvs", environments=[live])
    assert (first["changed"], first["changes"]) == (True, {"live": ["a virtual environment", "six-1.0"]})
    assert [path.name for path in stamps.iterdir()] == ["celery-live-w1.service"]
    second = run("virtualenvs", environments=[live])
    assert (second["changed"], second["upgraded"], second["failures"]) == (False, [], {})


def test_an_upgrade_is_told_by_what_is_installed_and_predicted_in_check_mode(
    run: Run, home: Path, accounts: dict[str, str]
) -> None:
    run("virtualenvs", environments=[environment(home, accounts)])
    newer = [environment(home, accounts, packages=["six==2.0"])]
    assert run("virtualenvs", environments=newer, check=True)["changes"] == {"live": ["six==2.0"]}
    assert run("virtualenvs", environments=newer)["changes"] == {"live": ["six-1.0", "six-2.0"]}
    assert run("virtualenvs", environments=newer, check=True)["changed"] is False


def test_no_package_is_on_a_command_line(run: Run, home: Path, accounts: dict[str, str]) -> None:
    """Its address may have a password."""
    secret = "app @ https://me:hunter2@example.org/app.whl"
    printed = run("virtualenvs", environments=[environment(home, accounts, packages=[secret, "six==1.0"])])["printed"]
    assert "-r" in (home / "words").read_text()
    assert "example.org" not in (home / "words").read_text()
    assert "hunter2" not in printed


def test_what_an_interrupted_run_left_is_finished_by_the_next_one(
    run: Run, home: Path, accounts: dict[str, str]
) -> None:
    live = environment(home, accounts)
    (home / "interrupt").write_text("now")
    assert run("virtualenvs", environments=[live])["failures"].keys() == {"live"}
    (home / "interrupt").unlink()
    assert run("virtualenvs", environments=[live], state="checked")["problems"] == []
    assert run("virtualenvs", environments=[live])["changes"]["live"][-1] == "six-1.0"
    assert run("virtualenvs", environments=[live])["changed"] is False


def test_a_package_that_pip_was_killed_at_is_installed_again(run: Run, home: Path, accounts: dict[str, str]) -> None:
    live = environment(home, accounts)
    run("virtualenvs", environments=[live])
    installed = home / "live/lib/python3.11/site-packages/six-1.0.dist-info"
    for path in installed.iterdir():
        path.unlink()
    (installed / "METADATA").write_text("Name: six\nVersion: 1.0\n")
    assert run("virtualenvs", environments=[live])["upgraded"] == ["live"]
    assert (installed / "RECORD").exists()


def test_one_that_works_is_never_emptied(run: Run, home: Path, accounts: dict[str, str]) -> None:
    run("virtualenvs", environments=[environment(home, accounts)])
    (home / "live/bin/activate").unlink()
    (home / "live/keep").touch()
    assert run("virtualenvs", environments=[environment(home, accounts)])["failures"] == {}
    assert (home / "live/keep").exists()


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [("hang", "has neither written nor computed anything for 1 s"), ("spin", "took longer than 4 s and was ended")],
)
def test_a_pip_that_never_ends_holds_up_its_own_environment_only(
    run: Run,
    tmp_path: Path,
    home: Path,
    accounts: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    expected: str,
) -> None:
    monkeypatch.setattr(virtualenvs, "IDLE", 1)
    monkeypatch.setattr(virtualenvs, "INSTALL", 4)
    other = tmp_path / "other"
    (other / ".local/bin").mkdir(parents=True)
    os.link(home / ".local/bin/python3", other / ".local/bin/python3")
    both = [environment(home, accounts), environment(other, accounts, name="uat")]
    (home / trouble).write_text("for ever")
    began = time.monotonic()
    found = run("virtualenvs", environments=both)
    assert time.monotonic() - began < 30
    assert (found["upgraded"], found["done"], [*found["failures"]]) == (["uat"], ["uat"], ["live"])
    assert expected in found["failures"]["live"]


def test_one_that_takes_long_is_put_off_until_the_others_have_their_packages(
    run: Run, tmp_path: Path, home: Path, accounts: dict[str, str]
) -> None:
    other = tmp_path / "other"
    (other / ".local/bin").mkdir(parents=True)
    os.link(home / ".local/bin/python3", other / ".local/bin/python3")
    live, uat = environment(home, accounts), environment(other, accounts, name="uat")
    (home / "spin").write_text("for ever")
    found = run("virtualenvs", environments=[live, uat], put_off_after=3)
    assert (found["put_off"], found["done"], found["failures"]) == (["live"], ["uat"], {})
    (home / "spin").unlink()
    again = run("virtualenvs", environments=[live])
    assert (again["put_off"], again["done"], again["failures"]) == ([], ["live"], {})


def test_what_a_failing_pip_writes_is_shown_without_control_characters(
    run: Run, home: Path, accounts: dict[str, str]
) -> None:
    (home / "fail").write_text("\x1b[2Jno matching distribution\r" + "x" * 100000)
    [failure] = run("virtualenvs", environments=[environment(home, accounts)])["failures"].values()
    assert "celery_live.packages: installing into" in failure
    assert "\x1b" not in failure
    assert len(failure) < 40000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"python": "python3.99"}, "celery_live.python is 'python3.99', which"),
        ({"virtualenv": "/usr"}, "celery_live.virtualenv is /usr, which is no virtual environment"),
        ({"packages": ["-r /nowhere/r.txt"]}, "celery_live.packages names /nowhere/r.txt, which does not exist"),
        ({"user": "nobody-yet", "virtualenv": "/etc/passwd/x"}, "nobody-yet, who does not exist yet, cannot make it"),
    ],
)
def test_what_is_missing_is_told_before_the_first_change(
    run: Run, home: Path, accounts: dict[str, str], changes: dict[str, Any], expected: str
) -> None:
    [problem] = run("virtualenvs", environments=[environment(home, accounts, **changes)], state="checked")["problems"]
    assert expected in problem
    assert [path.name for path in home.iterdir()] == [".local"]


def test_an_interpreter_without_ensurepip_is_told_before_the_first_change(
    run: Run, home: Path, accounts: dict[str, str]
) -> None:
    """With the command that brings it on Debian."""
    (home / "lacks").write_text(json.dumps(["ensurepip"]))
    [problem] = run("virtualenvs", environments=[environment(home, accounts)], state="checked")["problems"]
    assert "cannot make one without ensurepip" in problem
    assert "apt-get install python3-venv" in problem or not Path("/usr/bin/apt-get").exists()


def test_a_virtual_environment_without_pip_needs_uv(run: Run, home: Path, accounts: dict[str, str]) -> None:
    """As one that uv has made, for example where the user who deploys has it and the host has not."""
    live = [environment(home, accounts)]
    run("virtualenvs", environments=live)
    (home / "live/lib/python3.11/site-packages/pip/__main__.py").unlink()
    [problem] = run("virtualenvs", environments=live, state="checked")["problems"]
    assert "No module named pip" in problem
    assert "-m ensurepip" in problem
    (home / ".local/bin/uv").symlink_to("/bin/true")
    assert run("virtualenvs", environments=live, state="checked")["problems"] == []


def test_one_whose_interpreter_is_gone_is_told(run: Run, home: Path, accounts: dict[str, str]) -> None:
    """As after an upgrade of the distribution."""
    live = [environment(home, accounts)]
    run("virtualenvs", environments=live)
    (home / "live/bin/python").unlink()
    (home / "live/bin/python").symlink_to("/usr/bin/python3.1")
    [problem] = run("virtualenvs", environments=live, state="checked")["problems"]
    assert "leads to /usr/bin/python3.1, which cannot be executed" in problem


def test_an_answer_that_is_none_concerns_its_environment_only(
    run: Run, home: Path, accounts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Systemd, "run", lambda *arguments: Said(0, '{"state": "complete", "uv": ["x"]}', "\x1b[2J"))
    live = [environment(home, accounts)]
    assert run("virtualenvs", environments=live, state="checked")["problems"] == []
    found = run("virtualenvs", environments=live)
    assert found["failures"].keys() == {"live"}
    assert "\x1b" not in found["failures"]["live"]


def test_the_real_pip_installs_into_a_real_virtual_environment(
    run: Run, tmp_path: Path, home: Path, accounts: dict[str, str]
) -> None:
    (home / ".local/bin/python3").unlink()
    (home / ".local/bin/python3").symlink_to(os.path.realpath(sys.executable))
    wheel = tmp_path / "app-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("app.py", "VERSION = 1")
        file.writestr("app-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: app\nVersion: 1.0\n")
        file.writestr("app-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("app-1.0.dist-info/RECORD", "app.py,,\n")
    live = [environment(home, accounts, packages=[str(wheel)])]
    assert "app-1.0" in run("virtualenvs", environments=live)["changes"]["live"]
    again = run("virtualenvs", environments=live)
    assert (again["changed"], again["failures"]) == (False, {})
