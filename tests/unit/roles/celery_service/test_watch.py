# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""celery_watch: which services keep crashing, and what systemd is told of it."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.systemd import LIBRARY

W1 = {"Id": "celery-live-w1.service", "Description": "Celery worker w1 of environment live", "NRestarts": "0"}
UP = {"ActiveState": "active", "SubState": "running"}
STARTS = {"ActiveState": "activating", "SubState": "start"}
WAITS = {"ActiveState": "activating", "SubState": "auto-restart"}
ENDED = {"ActiveState": "failed", "SubState": "failed-before-auto-restart"}
STOPPED = {"ActiveState": "inactive", "SubState": "dead"}
KILLED = {"ActiveState": "failed", "SubState": "failed"}
TARGET = {"Id": "celery-live.target", "ConsistsOf": "celery-live-w1.service stalk-watch-live.service"}
FAILING = "celery-live-w1-failing.service"


@pytest.fixture
def watch() -> Any:
    """Return celery_watch."""
    spec = importlib.util.spec_from_file_location("celery_watch", LIBRARY / "celery_watch.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def told(watch: Any, looks: list[tuple[dict[str, str], int]], every: float = 10.0) -> str:
    """Return of each look, at which a service was so and had been restarted so often, whether it keeps crashing."""
    history: list[Any] = []
    result = ""
    for number, (state, restarts) in enumerate(looks):
        look = watch.seen({**state, "NRestarts": str(restarts)}, number * every)
        history = watch.remembered(history, look)
        was, result = result, result + ("x" if watch.keeps_crashing(history, result.endswith("x")) else ".")
        history = [] if was.endswith("x") and result.endswith(".") else history  # as Watch does
    return result


def test_three_crashes_are_too_many_and_one_is_not(watch: Any) -> None:
    """Whatever it happens to be doing at the moment of the look, and though it is up in between."""
    assert told(watch, [(UP, 0), (WAITS, 1), (STARTS, 2), (ENDED, 3), (UP, 4)]) == "...xx"
    assert told(watch, [(UP, 0), (UP, 1), (UP, 2), (UP, 3)]) == "...x"
    assert told(watch, [(UP, 0), (WAITS, 1), (UP, 1), (UP, 1), (UP, 2)]) == "....."


def test_crashes_of_days_do_not_add_up(watch: Any) -> None:
    assert told(watch, [(UP, number) for number in range(9)], every=400) == "." * 9
    assert told(watch, [(UP, 40)] * 5) == "....."


def test_a_service_that_does_not_come_up_after_a_crash_keeps_crashing(watch: Any) -> None:
    """One that starts for the first time may take as long as its timeout allows, and so may one that comes up."""
    assert told(watch, [(UP, 0), *[(STARTS, 1)] * 7]) == ".......x"
    assert told(watch, [(UP, 0), *[(STARTS, 1)] * 5, (UP, 1)]) == "......."
    assert told(watch, [(STARTS, 0)] * 60) == "." * 60


def test_it_works_again_when_it_is_up_and_quiet(watch: Any) -> None:
    crashing = [(UP, 0), (WAITS, 1), (WAITS, 2), (WAITS, 3)]
    assert told(watch, [*crashing, (UP, 3), (UP, 3), (UP, 3)]) == "...xxx."
    assert told(watch, [*crashing, (UP, 3), (STARTS, 4), (UP, 4), (UP, 4), (UP, 4)]) == "...xxxxx."
    assert told(watch, [*crashing, *[(STARTS, 3)] * 9]) == "...xxxxxxxxxx"


def test_one_that_crashes_now_and_then_has_to_be_quiet_for_longer(watch: Any) -> None:
    slow = [(UP, restarts) for restarts in range(4) for _look in range(6)]
    assert told(watch, [*slow, *[(UP, 3)] * 6]) == "." * 18 + "x" * 9 + "..."


@pytest.mark.parametrize("state", [STOPPED, KILLED])
def test_a_service_that_was_stopped_is_no_failure(watch: Any, state: dict[str, str]) -> None:
    """Nor do its crashes count when somebody starts it again."""
    crashing = [(UP, 0), (WAITS, 1), (WAITS, 2), (WAITS, 3)]
    assert told(watch, [*crashing, (state, 3), (STARTS, 0), (WAITS, 1)]) == "...x..."


def test_a_restart_by_hand_does_not_make_it_work(watch: Any) -> None:
    crashing = [(UP, 0), (WAITS, 1), (WAITS, 2), (WAITS, 3)]
    assert told(watch, [*crashing, (STARTS, 0), (WAITS, 1), (UP, 1), (UP, 1), (UP, 1)]) == "...xxxxx."


class Manager:
    """Stands for systemd."""

    def __init__(self, *units: dict[str, str]) -> None:
        self.units = {unit["Id"]: unit for unit in units}
        self.told: list[list[str]] = []

    def command(self, words: list[str]) -> str:
        if words[:2] != ["systemctl", "show"]:
            self.told.append(words)
            return ""
        shown = [self.units.get(name, {"Id": name, **STOPPED}) for name in words[words.index("--") + 1 :]]
        return "\n\n".join("\n".join(f"{key}={value}" for key, value in unit.items()) for unit in shown)


def watched(watch: Any, monkeypatch: pytest.MonkeyPatch, manager: Manager, restarts: int) -> Any:
    """Return a watch that has looked after each of so many restarts."""
    own = watch.Watch("celery-live.target")
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr(watch, "command", manager.command)
    monkeypatch.setattr(watch.time, "monotonic", lambda: next(times))
    for number in range(restarts + 1):
        manager.units["celery-live-w1.service"]["NRestarts"] = str(number)
        own.look()
    return own


def test_a_unit_fails_for_a_service_that_keeps_crashing(watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, with what OnFailure= of the service names, letter by letter; it goes when the service works."""
    on_failure = {"OnFailure": r"mail@celery\x2dlive.service page.service"}
    manager = Manager(TARGET, {**W1, **WAITS, **on_failure}, {**UP, "Id": "stalk-watch-live.service"})
    own = watched(watch, monkeypatch, manager, restarts=3)
    [words] = manager.told
    assert words[:3] == ["systemd-run", "--quiet", "--no-block"]
    assert f"--unit={FAILING}" in words
    assert "--description=Celery worker w1 of environment live keeps crashing" in words
    assert r"--property=OnFailure=mail@celery\\x2dlive.service page.service" in words
    manager.units |= {
        "celery-live.target": {**TARGET, "ConsistsOf": f"{TARGET['ConsistsOf']} {FAILING}"},
        FAILING: {**KILLED, "Id": FAILING},
    }
    own.look()
    assert len(manager.told) == 1
    manager.units["celery-live-w1.service"].update(UP)
    for _look in range(3):
        own.look()
    assert manager.told[1:] == [["systemctl", "reset-failed", "--", FAILING]]
    manager.units["celery-live.target"] = TARGET
    own.look()
    assert len(manager.told) == 2


def test_a_service_that_is_gone_and_the_end_leave_no_failed_unit(watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten = ["systemctl", "reset-failed", "--", FAILING]
    manager = Manager({**TARGET, "ConsistsOf": FAILING}, {**KILLED, "Id": FAILING}, {**W1, **UP})
    own = watched(watch, monkeypatch, manager, restarts=0)
    assert manager.told == [forgotten]
    own.end()
    assert manager.told == [forgotten, forgotten]


def test_a_service_without_on_failure_has_none(watch: Any) -> None:
    assert not any("OnFailure" in word for word in watch.failure("celery-live.target", {**W1, "OnFailure": ""}))
