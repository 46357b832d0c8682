# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any string that an environment variable can hold reaches the running worker as it was written."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

from tests.fleet import services
from tests.hosts.enter import command_on
from tests.runs import converged

URL = "redis://debug:only-for-the-tests-debug@broker1:6379/3"
CONTROLS = [chr(number) for number in (*range(1, 32), 127)]
MARKS = [*"\"'`$%#;\\=&|<>(){}[]*?~!^:, ", "${HOME}", "$X", "%n", "%%", "{{ 42 }}", "{% raw %}", "\\n", "\\\n", "\r\n"]
OTHERS = list("aZ09é\u00a0\u2028\ufeff😀\u0416")
SHORT = ["", " ", "\n\n", "a b", " a ", '"a"', "'a'", "a=b", *CONTROLS, *MARKS]


def strings() -> dict[str, str]:
    """Return more than 500 variables, the same in every run."""
    chance = random.Random(20261120)
    made = ["".join(chance.choices(MARKS + CONTROLS + OTHERS, k=chance.randint(1, 24))) for _number in range(480)]
    return {f"STRING_{number}": value for number, value in enumerate([*SHORT, *made])}


def variables_of_worker() -> dict[str, str]:
    """Return the environment of the running worker of debug, byte for byte."""
    (worker,) = (service for service in services("app1") if service.environment == "debug")
    read = command_on("app1", ["cat", f"/proc/{worker.pid}/environ"])
    entries = subprocess.run(read, capture_output=True, check=True).stdout.split(b"\0")
    return dict(entry.decode().split("=", 1) for entry in entries if entry)


def test_round_trip(tmp_path: Path) -> None:
    """Read back from /proc what was written into the environment's variables."""
    wanted = strings()
    assert len(wanted) >= 500
    path = tmp_path / "strings.json"
    path.write_text(json.dumps({"CELERY_BROKER_URL": URL, "CELERY_RESULT_BACKEND": URL, **wanted}))
    converged(
        "--limit",
        "debug",
        variables={
            "celery_debug": {
                "app": "meta_edc.celery.debug:app",
                "directory": "/home/debug/edc",
                "virtualenv": "/home/debug/edc/.venv",
                "environment": f"{{{{ lookup('ansible.builtin.file', '{path}', rstrip=false) | from_json }}}}",
            }
        },
    )
    found = variables_of_worker()
    converged("--limit", "debug")
    assert {name: found.get(name) for name in wanted} == wanted
