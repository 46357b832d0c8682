# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import settings
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, File
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import Trial, complaints

UNIT = """\
# Managed by stalk.celery: live/worker/w1.
[Unit]
Description=Celery worker w1
Wants=network-online.target
After=redis.service
PartOf=celery-live.target
OnFailure=alarm.service

[Service]
Type=notify
NotifyAccess=main
User=live
Group=celery
WorkingDirectory=/home/live/edc
Environment=A=1 "B=%h"
EnvironmentFile=/etc/conf.d/celery-live-w1.conf
EnvironmentFile=-/etc/default/celery
ExecStartPre=/bin/rm -rf /
ExecStart=/usr/bin/env ${CELERY_BIN} --app=${CELERY_APP} worker \\
    $CELERYD_OPTS
ExecReload=/bin/kill -HUP $MAINPID
ExecStop=/bin/false
TimeoutStartSec=90
TimeoutStopSec=300
Restart=always
RestartSec=5
WatchdogSec=60
StandardOutput=journal
RuntimeDirectory=celery-live-w1
RuntimeDirectoryMode=0750
StateDirectory=celery-live
LogsDirectory=celery-live
CacheDirectory=x
KillMode=mixed
ProtectSystem=strict
ExecPaths=/usr
SystemCallFilter=@system-service
SystemCallFilter=~@privileged

[Install]
WantedBy=celery-live.target
"""
TRIAL = """\
[Unit]
Description=Trial of a new configuration
[Service]
Environment=PYTHONDONTWRITEBYTECODE=1
Environment=STALK_CELERY_STOP_TIMEOUT=300
User=live
Group=celery
WorkingDirectory=/home/live/edc
Environment=A=1 "B=%h"
EnvironmentFile=/run/try/file-0
EnvironmentFile=-/etc/default/celery
KillMode=mixed
ProtectSystem=strict
ExecPaths=/usr
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=120
TimeoutStopSec=10
StandardOutput=file:/run/try/output
StandardError=inherit
ExecStart=/usr/bin/env PYTHONPATH=/run/try/path {ExecStart} --port=only-a-trial
""".replace("{ExecStart}", "/usr/bin/env ${CELERY_BIN} --app=${CELERY_APP} worker      $CELERYD_OPTS")


def trial(unit: str, *accounts: str) -> Trial:
    service = Service(
        unit="celery-live-w1.service",
        environment="live",
        name="w1",
        user="live",
        group="celery",
        directory="/home/live/edc",
        virtualenv='/srv/my "venv" 50%',
        tried=True,
    )
    attributes = Attributes("root", "root", 0o644)
    texts = {
        "/etc/systemd/system/celery-live-w1.service": unit,
        "/etc/conf.d/celery-live-w1.conf": 'CELERY_APP="proj"\n',
    }
    files = tuple(File(path, attributes, text.encode()) for path, text in texts.items())
    return Trial(service, "/run/try", files, accounts)


def test_the_context_is_kept_and_the_effects_are_not() -> None:
    assert trial(UNIT, "User", "Group").unit == TRIAL


def test_a_user_that_does_not_exist_yet() -> None:
    unit = trial(UNIT, "Group").unit or ""
    assert "User=live" not in unit
    assert "DynamicUser=yes\nGroup=celery" in unit


def test_a_group_that_does_not_exist_yet_though_its_user_does() -> None:
    unit = trial(UNIT.replace("Group=celery", "Group=live"), "User").unit or ""
    assert "User=live\n" in unit
    assert "Group=" not in unit
    assert "DynamicUser" not in unit


def test_a_user_that_does_not_exist_yet_though_its_group_does() -> None:
    unit = trial(UNIT.replace("Group=celery", "Group=live"), "Group").unit or ""
    assert "User=" not in unit.replace("DynamicUser=", "")
    assert "DynamicUser=yes\nGroup=live\n" in unit


@pytest.mark.parametrize(
    "start",
    [
        "ExecStart=/usr/bin/sleep 1",
        "ExecStart=+/usr/bin/env ${CELERY_BIN} x",
        "ExecStart=/usr/bin/celery x\nExecStart=/usr/bin/celery y",
        "ExecStart=/usr/bin/celery x\nExecStart=",
        "ExecStartPre=/usr/bin/env ${CELERY_BIN} x",
        "",
    ],
)
def test_a_unit_that_runs_something_else(start: str) -> None:
    assert trial(f"[Service]\n{start}\n").unit is None


def test_only_the_service_section_counts() -> None:
    unit = trial(
        "[Service]\nExecStart=/usr/bin/env ${CELERY_BIN} worker\n[Install]\nUser=root\n[X-Service]\nA=b\n"
    ).unit
    assert "root" not in (unit or "")
    assert "A=b" not in (unit or "")


def test_variables_are_those_of_the_unit_and_of_the_environment_file() -> None:
    assert trial(UNIT).variables == {"A": "1", "B": "%h", "CELERY_APP": "proj"}


def test_settings() -> None:
    text = "[A]\n x = 1 \n; c=1\n#c=1\nlong=1 \\\n 2\nempty=\n[B]\ny=a=b\nnoise\n"
    assert list(settings(text)) == [("A", "x", "1"), ("A", "long", "1   2"), ("A", "empty", ""), ("B", "y", "a=b")]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "/tmp/x/w.service:2: Unknown key 'ProtectHoem' in section [Service], ignoring.",
            "systemd does not accept the new unit because of the line 'ProtectHoem=yes': "
            "Unknown key 'ProtectHoem' in section [Service], ignoring.",
        ),
        (
            "/tmp/x/w.service:2: Unknown lvalue 'ProtectHoem' in section 'Service', ignoring",
            "systemd does not accept the new unit because of the line 'ProtectHoem=yes': "
            "Unknown lvalue 'ProtectHoem' in section 'Service', ignoring",
        ),
        (
            "w.service: Command /usr/bin/env is not executable: No such file or directory",
            "systemd does not accept the new unit: Command /usr/bin/env is not executable: No such file or directory",
        ),
        ("/tmp/x/w.service:2: Unknown key name 'PrivateIPC' in section 'Service', ignoring.", None),
        ("/lib/systemd/system/ssh.service:9: Unknown key 'X' in section [Service], ignoring.", None),
        ("ssh.service: whatever", None),
        ("Failed to open /dev/tty", None),
        ("", None),
    ],
)
def test_complaints(output: str, expected: str | None) -> None:
    texts = {"w.service": "[Service]\nProtectHoem=yes\n"}
    found = complaints(f"{output}\n", "/tmp/x", texts)
    assert found == ({"w.service": [expected]} if expected else {})
