# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan._handover import batch, needs_restart, turn
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._files import files_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import services_of

from ...deciding import environments
from ...rendering import rendered

MINIMAL = {"app": "edc:app", "directory": "/home/live/edc", "virtualenv": "/home/live/.venv"}


def unit(**keys: Any) -> str:
    """Return the unit file of a worker with such keys."""
    (complete,) = environments({"live": {**MINIMAL, "workers": [{"name": "w1", "concurrency": 4, **keys}]}})
    services = services_of(complete, ["worker"])
    return next(rendered(entry) for entry in files_of(services)["files"] if entry["path"].endswith("w1.service"))


@pytest.mark.parametrize(
    "keys",
    [
        {"env_files": ["/etc/more.conf"]},
        {"stop_timeout": 900},
        {"start_timeout": 120},
        {"after": ["redis.service"]},
        {"requires": ["data.mount"]},
        {"write_paths": ["/srv/media"]},
        {"virtualenv": "/home/another/.venv"},
        {"sandbox": {"MemoryDenyWriteExecute": "no"}},
        {"limits": {"Nice": 5}},
        {"drain_timeout": 600},
    ],
    ids=str,
)
def test_what_a_new_process_sees_needs_no_restart(keys: dict[str, Any]) -> None:
    assert unit(**keys) != unit()
    assert not needs_restart("/etc/systemd/system/celery-live-w1.service", unit(), unit(**keys))


@pytest.mark.parametrize(
    "keys",
    [
        {"watchdog": 30},
        {"overlap": False},
        {"type": "exec"},
        {"limits": {"MemoryMax": "1G"}},
        {"limits": {"Slice": "batch.slice"}},
        {"sandbox": {"PrivateDevices": "no"}},
        {"sandbox": {"IPAddressDeny": "any"}},
    ],
    ids=str,
)
def test_what_systemd_applies_to_the_whole_unit_needs_one(keys: dict[str, Any]) -> None:
    assert needs_restart("/etc/systemd/system/celery-live-w1.service", unit(), unit(**keys))


def test_another_user_or_a_new_unit_needs_one() -> None:
    path, text = "/etc/systemd/system/celery-live-w1.service", unit()
    assert needs_restart(path, text, text.replace("User=live", "User=other"))
    assert needs_restart(path, "", text)


def test_an_environment_file_needs_none() -> None:
    assert not needs_restart("/etc/conf.d/celery-live-w1.conf", "A=1\n", "A=2\n")


def test_a_batch_is_as_large_as_the_memory_and_never_empty() -> None:
    sizes = {"a": 10, "b": 20, "c": 30}
    assert batch(sizes, free=1000, most=9) == ["a", "b", "c"]
    assert batch(sizes, free=1000, most=2) == ["a", "b"]
    assert batch(sizes, free=60, most=9) == ["a", "b"]
    assert batch(sizes, free=0, most=9) == ["a"]
    assert batch({}, free=0, most=9) == []


def test_no_two_of_one_lane_have_their_turn_together() -> None:
    lanes = {"a": "live", "b": "live", "c": "uat", "d": "d"}
    assert turn(lanes, most=9) == ["a", "c", "d"]
    assert turn(lanes, most=2) == ["a", "c"]
    assert turn({}, most=2) == []
