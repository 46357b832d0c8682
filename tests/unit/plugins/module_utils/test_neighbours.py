# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where root lets a process work that runs as another user than an environment is to have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _neighbours, _setups_here
from ansible_collections.stalk.celery.plugins.module_utils._plan import _setups_init
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process

NOBODY, STRANGER = 65534, 4002
WORKER = ("/srv/venv/bin/python", "/srv/venv/bin/celery", "-A", "edc", "worker")


class NoUnits:
    """A systemd that knows no unit with a file of its own."""

    def show(self, units: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
        return {unit: dict.fromkeys(names, "") for unit in units}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what stands for the root of a host: Supervisor's file, scripts and their settings."""
    monkeypatch.setattr(_setups_here, "SUPERVISOR_FILES", (str(tmp_path / "supervisord.conf"),))
    monkeypatch.setattr(_setups_here, "INIT", str(tmp_path / "init.d"))
    monkeypatch.setattr(_setups_here.Host, "_units", lambda *_arguments: iter(()))
    monkeypatch.setattr(_setups_init, "defaults", lambda name: (str(tmp_path / "default" / name),))
    for name in ("init.d", "default"):
        (tmp_path / name).mkdir()
    return tmp_path


def process(unit: str = "supervisor.service", **changes: Any) -> Process:
    values = {
        "pid": 11,
        "parent": 10,
        "uid": NOBODY,
        "directory": "/",
        "words": WORKER,
        "cgroup": f"/system.slice/{unit}",
    }
    return Process(**{**values, "variables": {"SUPERVISOR_PROCESS_NAME": "worker"}, **changes})


def place(one: Process) -> str:
    """Return where root lets a process work."""
    systemd: Any = NoUnits()
    return _neighbours.configured(systemd, [one], ["celery-live-w1.service"]).get(one.pid, "")


def supervised(host: Path, *lines: str) -> None:
    text = "\n".join(("[program:worker]", "command=/srv/venv/bin/celery -A edc worker", *lines, ""))
    (host / "supervisord.conf").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("user", ["nobody", "65534"])
@pytest.mark.parametrize("directory", ["/srv/edc", "/srv/edc/", "/srv/./edc"])
def test_a_program_of_supervisor_works_where_its_file_says(host: Path, user: str, directory: str) -> None:
    supervised(host, f"user={user}", f"directory={directory}")
    assert place(process()) == "/srv/edc"


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": STRANGER},
        {"variables": {"SUPERVISOR_PROCESS_NAME": "other"}},
        {"variables": {}},
        {"unit": "celery-live-w1.service"},
    ],
    ids=["another user calls itself so", "another program", "no program", "a service of ours"],
)
def test_whoever_calls_a_process_so_does_not_work_there(host: Path, changes: dict[str, Any]) -> None:
    supervised(host, "user=nobody", "directory=/srv/edc")
    assert place(process(**changes)) == ""


def test_a_script_works_where_its_settings_say(host: Path) -> None:
    (host / "init.d/celeryd").write_text("#!/bin/sh\n# celeryd: CELERYD_NODES CELERYD_MULTI\n", encoding="utf-8")
    (host / "default/celeryd").write_text("CELERYD_CHDIR=/srv/edc\nCELERYD_USER=nobody\n", encoding="utf-8")
    assert place(process("celeryd.service", variables={})) == "/srv/edc"
    assert place(process("other.service", variables={})) == ""


def test_what_supervisor_is_told_may_be_wrong(host: Path) -> None:
    """Then nobody works anywhere by it, and the run goes on."""
    (host / "supervisord.conf").write_text("[program:worker\ncommand", encoding="utf-8")
    assert place(process()) == ""
    supervised(host, "user=nobody", "numprocs=many", "directory=/srv/edc")
    assert place(process()) == ""
