# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk

from .conftest import Manager, Run

pytestmark = pytest.mark.programs

W1, W2, W3 = (f"celery-live-w{number}.service" for number in (1, 2, 3))
TARGET = "celery-live.target"
BROKEN = {
    "ActiveState": "activating",
    "SubState": "auto-restart",
    "Result": "exit-code",
    "ExecMainCode": "1",
    "ExecMainStatus": "2",
    "InvocationID": "cafe",
}


def wanted(*names: str, **options: Any) -> list[dict[str, Any]]:
    return [{"name": name, **options} for name in names]


RELOAD = "{{ path=/usr/bin/env ; argv[]=/usr/bin/env python3 /celery_handover.py -- x ; pid=77 ; code={} ; status={} }}"
HANDS_OVER = {"MainPID": "500", "ExecReload": RELOAD.format("exited", 0)}


def stamp(stamps: Path, unit: str, microseconds: int, cold: int | None = None) -> None:
    stamps.mkdir(exist_ok=True)
    (stamps / unit).write_text(f"{microseconds} {microseconds if cold is None else cold}\n")


def test_new_units_are_enabled_and_started(run: Run, manager: Manager) -> None:
    manager.add(W1, W2)
    result = run("units", units=wanted(W1, W2))
    assert (result["changed"], result["enabled"], result["started"]) == (True, [W1, W2], [W1, W2])
    assert manager.units[W2]["ActiveState"] == "active"
    assert manager.units[W2]["UnitFileState"] == "enabled"
    assert result["units"][W1]["SubState"] == "running"


def test_a_second_run_changes_nothing(run: Run, manager: Manager) -> None:
    manager.add(W1, TARGET)
    run("units", units=wanted(W1, TARGET))
    first = manager.calls
    assert run("units", units=wanted(W1, TARGET))["changed"] is False
    assert {call.split()[0] for call in manager.calls[len(first) :]} == {"show"}


@pytest.mark.parametrize("count", [1, 40])
def test_the_number_of_calls_does_not_depend_on_the_number_of_units(run: Run, manager: Manager, count: int) -> None:
    """Every verb at once: reload, stop, disable, reset-failed, enable, restart and start, and orphans."""
    kinds = {
        kind: [f"{kind}-{number}.service" for number in range(count)] for kind in ("new", "off", "old", "bad", "x")
    }
    manager.add(*kinds["new"], NeedDaemonReload="yes")
    manager.running(*kinds["off"], *kinds["old"], *kinds["x"])
    manager.add(*kinds["bad"], ActiveState="failed", Result="timeout")
    run(
        "units",
        units=[
            *wanted(*kinds["new"], *kinds["old"], *kinds["bad"]),
            *wanted(*kinds["off"], state="stopped", enabled=False),
        ],
        restart=kinds["old"],
        orphans=[manager.file(name) for name in kinds["x"]],
    )
    assert Counter(call.split()[0] for call in manager.calls) == {
        "show": 4,
        "daemon-reload": 2,
        "disable": 1,
        "stop": 1,
        "reset-failed": 1,
        "enable": 1,
        "restart": 1,
        "start": 1,
    }


def test_stopped_and_disabled(run: Run, manager: Manager) -> None:
    manager.running(W1)
    result = run("units", units=wanted(W1, state="stopped", enabled=False))
    assert (result["stopped"], result["disabled"], result["started"]) == ([W1], [W1], [])
    assert (manager.units[W1]["ActiveState"], manager.units[W1]["UnitFileState"]) == ("inactive", "disabled")
    assert run("units", units=wanted(W1, state="stopped", enabled=False))["changed"] is False


def test_stopped_but_enabled(run: Run, manager: Manager) -> None:
    manager.add(W1)
    result = run("units", units=wanted(W1, state="stopped"))
    assert (result["enabled"], result["started"], result["stopped"]) == ([W1], [], [])


def test_restart_is_for_those_that_run(run: Run, manager: Manager) -> None:
    manager.running(W1)
    manager.add(W2)
    manager.add(W3, ActiveState="activating", SubState="auto-restart")
    result = run("units", restart=[W1, W2, W3])
    assert (result["restarted"], result["started"]) == ([W1, W3], [])
    assert manager.units[W2].get("ActiveState", "inactive") == "inactive"


def test_what_is_restarted_is_not_started_as_well(run: Run, manager: Manager) -> None:
    manager.add(W1, ActiveState="activating", SubState="auto-restart", UnitFileState="enabled")
    result = run("units", units=wanted(W1), restart=[W1])
    assert (result["restarted"], result["started"]) == ([W1], [])


def test_what_is_wanted_stopped_is_not_restarted(run: Run, manager: Manager, stamps: Path) -> None:
    manager.running(W1)
    stamp(stamps, W1, 10)
    result = run("units", units=wanted(W1, state="stopped"), restart=[W1])
    assert (result["stopped"], result["restarted"]) == ([W1], [])


def test_a_unit_older_than_its_files_is_restarted_once(run: Run, manager: Manager, stamps: Path) -> None:
    """Whatever became of the run that wrote the files."""
    manager.running(W1, W2, since=1000)
    stamp(stamps, W1, 1001)
    stamp(stamps, W2, 999)
    result = run("units", units=wanted(W1, W2))
    assert (result["changed"], result["restarted"]) == (True, [W1])
    assert run("units", units=wanted(W1, W2))["changed"] is False


@pytest.mark.parametrize(
    ("properties", "cold", "expected"),
    [
        pytest.param(HANDS_OVER, 0, "reload", id="a process sees all of it"),
        pytest.param(HANDS_OVER, 999, "reload", id="what a hand-over would not do is older than the process"),
        pytest.param(HANDS_OVER, 1000, "reload", id="as old as the process"),
        pytest.param(HANDS_OVER, 1001, "restart", id="of the whole unit"),
        pytest.param(HANDS_OVER, None, "restart", id="of the whole unit, and the last change"),
        pytest.param({"MainPID": "500", "ExecReload": "kill -HUP"}, 0, "restart", id="not made for it"),
        pytest.param({**HANDS_OVER, "ActiveState": "activating"}, 0, "restart", id="starts"),
    ],
)
def test_a_worker_older_than_its_files_is_handed_over_where_that_does(
    run: Run, manager: Manager, stamps: Path, properties: dict[str, str], cold: int | None, expected: str
) -> None:
    """Also by the run after the one that wrote them; nothing is left to do after it."""
    manager.running(W1, since=1000, **properties)
    stamp(stamps, W1, 1002, cold)
    predicted = run("units", units=wanted(W1), check=True)
    result = run("units", units=wanted(W1))
    key = {"reload": "handed_over", "restart": "restarted"}[expected]
    assert predicted[key] == result[key] == [W1]
    assert predicted["changed"] is result["changed"] is True
    assert [call for call in manager.calls if not call.startswith("show ")] == [f"{expected} {W1}"]
    assert run("units", units=wanted(W1))["changed"] is False


def test_what_is_restarted_and_is_known_to_have_changed_for_its_process_alone_is_handed_over(
    run: Run, manager: Manager, stamps: Path
) -> None:
    """Of a unit about which nothing was noted nobody knows it."""
    manager.running(W1, W2, since=1000, **HANDS_OVER)
    stamp(stamps, W1, 1002, 0)
    result = run("units", restart=[W1, W2])
    assert (result["handed_over"], result["restarted"]) == ([W1], [W2])
    assert "ExecReload" not in result["units"][W1]


def test_where_the_new_process_does_not_start_the_old_one_goes_on_until_the_next_run(
    run: Run, manager: Manager, stamps: Path
) -> None:
    """The others are started all the same."""
    refuses = {"ExecReload": RELOAD.format("exited", 1), "ReloadResult": "exit-code"}
    manager.running(W1, since=1000, **HANDS_OVER, refuses=refuses)
    manager.add(W2)
    stamp(stamps, W1, 1002, 0)
    result = run("units", units=wanted(W1, W2))
    assert f"{W1} was not handed over, and its old process goes on: its reload ended with exit-code" in result["msg"]
    assert manager.units[W1]["MainPID"] == "500"
    assert manager.units[W2]["ActiveState"] == "active"
    manager.running(W1, since=1000, **HANDS_OVER)
    assert run("units", units=wanted(W1, W2))["handed_over"] == [W1]


def test_a_worker_whose_process_takes_no_part_is_restarted(run: Run, manager: Manager, stamps: Path) -> None:
    manager.running(W1, since=1000, **HANDS_OVER, refuses={"ExecReload": RELOAD.format("exited", 3)})
    stamp(stamps, W1, 1002, 0)
    result = run("units", units=wanted(W1))
    assert (result["handed_over"], result["restarted"]) == ([], [W1])


def test_a_broken_stamp_is_none(run: Run, manager: Manager, stamps: Path) -> None:
    manager.running(W1)
    stamps.mkdir()
    (stamps / W1).write_text("")
    assert run("units", units=wanted(W1))["changed"] is False


def test_a_failed_unit_is_reset_before_it_is_started(run: Run, manager: Manager) -> None:
    manager.add(W1, W2, ActiveState="failed", Result="start-limit-hit", UnitFileState="enabled")
    assert run("units", units=wanted(W1, W2))["started"] == [W1, W2]
    verbs = [call.split()[0] for call in manager.calls]
    assert verbs.index("reset-failed") < verbs.index("start")


def test_reload_only_where_it_is_necessary(run: Run, manager: Manager) -> None:
    manager.running(W1, NeedDaemonReload="yes")
    run("units", units=wanted(W1))
    assert "daemon-reload" in manager.calls
    calls = len(manager.calls)
    run("units", units=wanted(W1))
    assert "daemon-reload" not in manager.calls[calls:]


@pytest.mark.parametrize("state", ["not-found", "error", "masked"])
def test_a_unit_that_systemd_has_not_loaded_though_its_file_exists(run: Run, manager: Manager, state: str) -> None:
    manager.add(W1, LoadState=state, loads_as="loaded")
    manager.file(W1)
    assert run("units", units=wanted(W1))["started"] == [W1]


def test_a_missing_unit(run: Run, manager: Manager) -> None:
    manager.add(W1)
    result = run("units", units=wanted(W1, W2))
    assert result["msg"] == f"{W2} does not exist: no unit directory of this host has a file of that name."
    assert {call.split()[0] for call in manager.calls} == {"show"}


def test_a_missing_unit_that_is_wanted_stopped_is_stopped(run: Run, manager: Manager) -> None:
    assert run("units", units=wanted(W1, state="stopped", enabled=False))["changed"] is False


@pytest.mark.parametrize(("state", "how"), [("masked", "unmask"), ("masked-runtime", "unmask --runtime")])
def test_a_masked_unit(run: Run, manager: Manager, state: str, how: str) -> None:
    manager.add(W1, LoadState="masked", UnitFileState=state)
    manager.add(W2)
    assert f"run 'systemctl {how} {W1}'" in run("units", units=wanted(W1, W2))["msg"]
    assert {call.split()[0] for call in manager.calls} == {"show"}


def test_a_unit_that_cannot_be_loaded(run: Run, manager: Manager) -> None:
    manager.add(W1, LoadState="bad-setting", LoadError="Unit has a bad unit file setting.", FragmentPath="/x/y.service")
    message = run("units", units=wanted(W1))["msg"]
    assert f"systemd cannot load {W1}: Unit has a bad unit file setting." in message
    assert "systemd-analyze verify /x/y.service" in message


def test_a_unit_without_install_section(run: Run, manager: Manager) -> None:
    manager.add(W1, UnitFileState="static", enables_as="static")
    message = run("units", units=wanted(W1))["msg"]
    assert f"{W1} cannot be enabled (systemd calls it 'static'); its unit file needs an [Install] section." in message


def test_the_message_of_a_failure_has_state_cause_and_journal(run: Run, manager: Manager) -> None:
    manager.add(W1)
    manager.add(W2, breaks=BROKEN)
    manager.journal.write_text("Traceback:\nOperationalError: redis://live:hunter2@broker/1\n")
    result = run("units", units=wanted(W1, W2))
    assert result["failed"] is True
    assert f"{W2} is not up: activating (auto-restart), exit code 2." in result["msg"]
    assert "Traceback:\n    | OperationalError: redis://live:********@broker/1" in result["msg"]
    assert f"{W1} " not in result["msg"]
    assert result["units"][W2]["Result"] == "exit-code"
    assert "hunter2" not in result["printed"]
    assert manager.units[W1]["ActiveState"] == "active"


def test_the_journal_is_asked_for_this_start_and_earlier_ones_if_it_starts_again(run: Run, manager: Manager) -> None:
    manager.add(W1, breaks={**BROKEN, "ActiveState": "failed"})
    manager.add(W2, breaks={**BROKEN, "ActiveState": "activating"})
    run("units", units=wanted(W1, W2))
    asked = manager.asked
    assert any("--lines=30 _SYSTEMD_INVOCATION_ID=cafe + INVOCATION_ID=cafe" in line for line in asked)
    assert any(f"--unit={W2} --since=@" in line for line in asked)


@pytest.mark.parametrize(
    ("properties", "advice"),
    [
        ({"ExecMainStatus": "203"}, "whether its 'sandbox' hides that"),
        ({"ExecMainStatus": "200"}, "check the environment's 'directory'"),
        ({"ExecMainStatus": "217"}, "check the environment's 'user'"),
        ({"Result": "timeout", "ExecMainCode": "0"}, "check that the broker can be reached"),
        ({"Result": "resources", "ExecMainCode": "0"}, "check that its environment file exists"),
    ],
)
def test_the_message_says_what_to_do(run: Run, manager: Manager, properties: dict[str, str], advice: str) -> None:
    manager.add(W1, breaks={**BROKEN, **properties})
    assert advice in run("units", units=wanted(W1))["msg"]


def test_active_but_not_running_is_a_failure(run: Run, manager: Manager) -> None:
    manager.add(W1, breaks={"ActiveState": "active", "SubState": "exited"})
    assert f"{W1} is not up: active (exited)" in run("units", units=wanted(W1))["msg"]


def test_a_failed_restart_is_a_failure(run: Run, manager: Manager) -> None:
    manager.running(W1, breaks=BROKEN)
    assert f"{W1} is not up" in run("units", restart=[W1])["msg"]


def test_a_failed_restart_does_not_keep_the_others_from_starting(run: Run, manager: Manager) -> None:
    manager.running(W1, breaks=BROKEN)
    manager.add(W2)
    assert f"{W1} is not up" in run("units", units=wanted(W1, W2), restart=[W1])["msg"]
    assert manager.units[W2]["ActiveState"] == "active"


def test_orphans_are_stopped_and_disabled_before_their_files_go(run: Run, manager: Manager, stamps: Path) -> None:
    manager.running(W1, W2)
    manager.add(W3)
    stamp(stamps, W1, 0)
    other = manager.unit_directory.parent / "w1.conf"
    other.write_text("# Managed by stalk.celery: live/worker/w1.\n")
    orphans = [manager.file(W1), manager.file(W2), str(other)]
    result = run("units", units=wanted(W3), orphans=orphans)
    assert (result["stopped"], result["disabled"], result["removed"]) == ([W1, W2], [W1, W2], orphans)
    assert not any(Path(path).exists() for path in orphans)
    assert not (stamps / W1).exists()
    verbs = [call.split()[0] for call in manager.calls]
    assert verbs.index("stop") < verbs.index("daemon-reload") < verbs.index("start")
    assert manager.units[W1]["stopped_with_file"] is True


def test_an_orphan_that_does_not_stop_keeps_its_file(run: Run, manager: Manager) -> None:
    manager.running(W1, sticks=True)
    manager.add(W2)
    path = manager.file(W1)
    result = run("units", units=wanted(W2), orphans=[path])
    assert f"{W1} has not stopped yet: active (running). Nothing of it was removed." in result["msg"]
    assert Path(path).exists()
    assert manager.units[W2].get("ActiveState", "inactive") == "inactive"


def test_a_stopped_unit_does_not_stay_failed(run: Run, manager: Manager) -> None:
    """As one does whose tasks outlived its stop."""
    manager.add(W1, ActiveState="failed", Result="timeout")
    manager.running(W2, stops_as="failed")
    run("units", units=[{"name": name, "state": "stopped", "enabled": False} for name in (W1, W2)])
    assert f"reset-failed {W1} {W2}" in manager.calls


def test_an_orphan_that_failed_is_forgotten(run: Run, manager: Manager) -> None:
    manager.add(W1, ActiveState="failed", Result="exit-code")
    manager.running(W2, stops_as="failed")
    run("units", orphans=[manager.file(W1), manager.file(W2)])
    assert f"reset-failed {W1} {W2}" in manager.calls


def test_a_foreign_file_is_never_removed(run: Run, manager: Manager) -> None:
    manager.running(W1, W2)
    paths = [manager.file(W1), manager.file(W2, "# by hand\n")]
    result = run("units", orphans=paths)
    assert f"{paths[1]} was not written by stalk.celery and is not removed" in result["msg"]
    assert all(Path(path).exists() for path in paths)
    assert manager.calls == []


def test_orphans_that_another_run_removes_at_the_same_time(run: Run, manager: Manager) -> None:
    """As when the new host of beat and the old one itself find the same files."""
    manager.running(W1)
    path = Path(manager.file(W1))
    other = contextlib.ExitStack()
    other.enter_context(_disk.exclusive_lock())

    def end() -> None:
        path.unlink()
        other.close()

    threading.Timer(0.3, end).start()
    assert run("units", orphans=[str(path)])["changed"] is False


def test_an_orphan_that_is_gone_is_no_change(run: Run, manager: Manager) -> None:
    assert run("units", orphans=[str(manager.unit_directory / W1)])["changed"] is False


def test_check_mode_predicts_and_changes_nothing(run: Run, manager: Manager, stamps: Path) -> None:
    manager.running(W1, W2, NeedDaemonReload="yes")
    orphan = manager.file(W2)
    stamp(stamps, W1, 10)
    before = manager.units
    result = run("units", check=True, units=wanted(W1, W3), orphans=[orphan])
    assert (result["restarted"], result["started"], result["enabled"]) == ([W1], [W3], [W3])
    assert (result["stopped"], result["disabled"], result["removed"]) == ([W2], [W2], [orphan])
    assert manager.units == before
    assert Path(orphan).exists()
    assert {call.split()[0] for call in manager.calls} == {"show"}


def test_check_mode_predicts_what_the_run_then_does(run: Run, manager: Manager, stamps: Path) -> None:
    manager.running(W1)
    manager.add(W2, ActiveState="failed", Result="exit-code")
    stamp(stamps, W1, 10)
    arguments = {"units": wanted(W1, W2)}
    predicted, done = run("units", check=True, **arguments), run("units", **arguments)
    for name in ("changed", "started", "restarted", "stopped", "enabled", "disabled", "removed", "diff"):
        assert predicted[name] == done[name]


def test_the_diff_has_a_line_for_each_unit(run: Run, manager: Manager) -> None:
    manager.running(W1, W2)
    manager.add(W3)
    diff = run("units", units=[*wanted(W1, W3), *wanted(W2, state="stopped", enabled=False)], restart=[W1])["diff"]
    assert diff["before"] == f"{W1}: active, enabled\n{W2}: active, enabled\n{W3}: inactive, disabled\n"
    assert diff["after"] == f"{W1}: active, restarted, enabled\n{W2}: inactive, disabled\n{W3}: active, enabled\n"


def test_the_time_is_over_before_a_unit_has_stopped(run: Run, manager: Manager) -> None:
    manager.running(W1, sticks=True, takes=30)
    result = run("units", units=wanted(W1, state="stopped"), timeout=1)
    assert "Its running tasks may need longer than 'timeout'" in result["msg"]


def test_the_time_is_over_before_a_unit_is_ready(run: Run, manager: Manager) -> None:
    manager.add(W1, breaks={"ActiveState": "activating", "SubState": "start"}, takes=30)
    result = run("units", units=wanted(W1), timeout=1)
    assert f"{W1} is not up: activating (start). 'timeout' expired before it was ready" in result["msg"]


@pytest.mark.parametrize("name", ["celery-live-w1", "--root=/x", "a b.service", "../x.service"])
def test_a_name_that_is_no_unit(run: Run, manager: Manager, name: str) -> None:
    assert "is not the complete name of a unit" in run("units", units=wanted(name))["msg"]
    assert "is not the complete name of a unit" in run("units", restart=[name])["msg"]
    assert manager.calls == []


def test_without_systemctl(run: Run, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = manager.program("systemctl")
    systemctl.unlink()
    (systemctl.parent / "timeout").symlink_to(shutil.which("timeout") or "")
    monkeypatch.setenv("PATH", str(systemctl.parent))
    assert "failed to run command 'systemctl'" in run("units", units=wanted(W1))["msg"]


def test_nothing_to_do(run: Run, manager: Manager) -> None:
    assert run("units")["changed"] is False
    assert manager.calls == []
