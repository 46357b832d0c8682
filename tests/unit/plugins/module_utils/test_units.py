# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Plan, Request, Unit, plan
from hypothesis import given
from hypothesis import strategies as st

NAMES = ("a.service", "b.service", "c.target")
STATES = {
    "active": "running",
    "reloading": "reload",
    "activating": "auto-restart",
    "deactivating": "stop-sigterm",
    "inactive": "dead",
    "failed": "failed",
}


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Request], set[str], set[str], dict[str, Unit], dict[str, int]]:
    """Return requests, units to restart, orphans, units and stamps, in any combination that can occur."""
    orphans = draw(st.sets(st.sampled_from(NAMES)))
    requests = [
        Request(name, started=draw(st.booleans()), enabled=draw(st.booleans()))
        for name in NAMES
        if name not in orphans and draw(st.booleans())
    ]
    units = {}
    for name in NAMES:
        state = draw(st.sampled_from(sorted(STATES)))
        units[name] = Unit(
            name,
            {
                "LoadState": "loaded",
                "ActiveState": state,
                "SubState": STATES[state],
                "UnitFileState": draw(st.sampled_from(["enabled", "disabled"])),
                "ExecMainStartTimestampMonotonic": str(draw(st.integers(0, 3))),
            },
        )
    restart = draw(st.sets(st.sampled_from([name for name in NAMES if name not in orphans] or [NAMES[0]]))) - orphans
    return requests, restart, orphans, units, draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3)))


def done(changes: Plan, units: dict[str, Unit]) -> dict[str, Unit]:
    """Return the units after ``changes``, as systemd would have them."""
    properties = {name: dict(unit.properties) for name, unit in units.items()}
    for name in changes.stop:
        properties[name].update(ActiveState="inactive", SubState="dead")
    for name in (*changes.restart, *changes.start):
        properties[name].update(ActiveState="active", SubState="running", ExecMainStartTimestampMonotonic="9")
    for name in changes.enable:
        properties[name].update(UnitFileState="enabled")
    for name in changes.disable:
        properties[name].update(UnitFileState="disabled")
    return {name: Unit(name, values) for name, values in properties.items()}


@given(situations())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    situation: tuple[list[Request], set[str], set[str], dict[str, Unit], dict[str, int]],
) -> None:
    requests, restart, orphans, units, stamps = situation
    after = done(plan(requests, restart, orphans, units, stamps, {}), units)
    assert plan(requests, (), orphans, after, stamps, {}) == Plan()


@given(situations())
def test_after_a_plan_every_unit_is_as_wanted(
    situation: tuple[list[Request], set[str], set[str], dict[str, Unit], dict[str, int]],
) -> None:
    requests, restart, orphans, units, stamps = situation
    after = done(plan(requests, restart, orphans, units, stamps, {}), units)
    for request in requests:
        assert after[request.name].is_up is request.started
        assert after[request.name].is_enabled is request.enabled
        assert not request.started or after[request.name].started_at >= stamps.get(request.name, 0)
    for name in orphans:
        assert after[name].is_down
        assert not after[name].is_enabled


@given(situations())
def test_nobody_is_touched_twice_or_unasked(
    situation: tuple[list[Request], set[str], set[str], dict[str, Unit], dict[str, int]],
) -> None:
    requests, restart, orphans, units, stamps = situation
    changes = plan(requests, restart, orphans, units, stamps, {})
    moved = [*changes.stop, *changes.restart, *changes.start]
    assert len(moved) == len(set(moved))
    assert {*moved, *changes.enable, *changes.disable} <= {*(request.name for request in requests), *restart, *orphans}
    assert all(units[name]["ActiveState"] == "failed" for name in changes.reset)
    assert set(changes.reset) <= set(changes.start)


def test_how_a_unit_describes_itself() -> None:
    base = {"ActiveState": "failed", "SubState": "failed", "ExecMainStatus": "9"}
    assert str(Unit("a", {**base, "Result": "signal", "ExecMainCode": "2"})) == "failed (failed), signal 9"
    assert str(Unit("a", {**base, "Result": "exit-code", "ExecMainCode": "1"})) == "failed (failed), exit code 9"
    assert str(Unit("a", {**base, "Result": "timeout", "ExecMainCode": "2"})) == "failed (failed), timeout"
    assert str(Unit("a", {"ActiveState": "active", "SubState": "running", "Result": "success"})) == "active (running)"
