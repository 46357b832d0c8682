# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done so that the units of a host are in the wanted states. Decides; touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Iterable, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._plan import _exit_codes

_UP = ("active", "reloading", "refreshing")
_DOWN = ("inactive", "failed")
_HANDOVER = "/celery_handover.py "
FAILING = "-failing.service"  # as in celery_watch: how the unit is called that fails while a service keeps crashing
_ENABLED = ("enabled", "enabled-runtime")

_RESULT_HINTS = {
    "timeout": "It did not report that it is ready in time: check that the broker can be reached from this host.",
    "watchdog": "It hung, and the watchdog ended it; the traceback of the hang is in the journal.",
    "resources": "systemd could not prepare it: check that its environment file exists and is valid UTF-8.",
    "oom-kill": "The kernel killed it because it ran out of memory.",
}


@dataclass(frozen=True)
class Request:
    """The state in which a unit is wanted."""

    name: str
    started: bool = True
    enabled: bool = True


@dataclass(frozen=True)
class Unit:
    """A unit as ``systemctl show`` describes it (org.freedesktop.systemd1(5) explains the properties)."""

    name: str
    properties: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def is_up(self) -> bool:
        """Whether it does its work: active, and running if it is a service."""
        return self["ActiveState"] in _UP and (not self.name.endswith(".service") or self["SubState"] != "exited")

    @property
    def can_hand_over(self) -> bool:
        """Whether it runs, and a reload gives it another process while the old one drains."""
        is_active = self["ActiveState"] in ("active", "reloading") and self["MainPID"] != "0"
        return is_active and _HANDOVER in self["ExecReload"]

    @property
    def is_running(self) -> bool:
        """Whether there is something to restart; also while it starts or waits for its next attempt."""
        return self["ActiveState"] in (*_UP, "activating")

    @property
    def is_down(self) -> bool:
        return self["ActiveState"] in _DOWN

    @property
    def is_enabled(self) -> bool:
        return self["UnitFileState"] in _ENABLED

    @property
    def is_missing(self) -> bool:
        return self["LoadState"] == "not-found"

    @property
    def started_at(self) -> int:
        """When its main process started, in microseconds of CLOCK_MONOTONIC; 0 without one."""
        return self._time("ExecMainStart")

    @property
    def since(self) -> int:
        """When it entered the state that it is in, in microseconds of CLOCK_MONOTONIC; 0 if it never left the first."""
        if self["ActiveState"] in _UP:
            return self.ready_at
        if self.is_down:
            return self._time("InactiveEnter")
        return self._time("InactiveExit" if self["ActiveState"] == "activating" else "ActiveExit")

    def _time(self, event: str) -> int:
        value = self[f"{event}TimestampMonotonic"]
        return int(value) if value.isdigit() else 0

    @property
    def ready_at(self) -> int:
        """When it was up last, in microseconds of CLOCK_MONOTONIC; 0 if it never was.

        A process that has taken over started while the one before it was up, and is up since then or a little later.
        """
        return max(self._time("ActiveEnter"), self.started_at if self["ActiveState"] in _UP else 0)

    @property
    def ending(self) -> str:
        """How it failed, empty if it did not."""
        result, status = self["Result"], self["ExecMainStatus"]
        words = {"success": "", "exit-code": f"exit code {status}", "signal": f"signal {status}"}
        return words.get(result, result)

    def __str__(self) -> str:
        state = f"{self['ActiveState']} ({self['SubState']})"
        return f"{state}, {self.ending}" if self.ending else state


def failing_name(service: str) -> str:
    """Return the name of the unit that has failed while ``service`` keeps crashing."""
    return service[: -len(".service")] + FAILING


@dataclass(frozen=True)
class Plan:
    """The names of the units to act on."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    hand_over: tuple[str, ...] = ()
    start: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return bool(self.enable or self.disable or self.stop or self.restart or self.hand_over or self.start)


def plan(
    requests: Sequence[Request],
    restart: Collection[str],
    orphans: Collection[str],
    units: Mapping[str, Unit],
    stamps: Mapping[str, int],
    cold: Mapping[str, int],
) -> Plan:
    """Compare what is wanted to ``units``, which has to hold every unit that is named.

    ``restart`` are units whose configuration changed in this run; ``stamps`` tell of changes by name of the unit, in
    microseconds of CLOCK_MONOTONIC, so that a unit that is older than its files is found whatever happened before.
    ``cold`` tell of those changes for which a hand-over would not do. ``orphans`` are units that have to go.
    """
    unwanted = {*orphans, *(request.name for request in requests if not request.started)}
    stale = {
        request.name
        for request in requests
        if request.started and stamps.get(request.name, 0) > units[request.name].started_at
    }
    restarted = {name for name in {*restart, *stale} - unwanted if units[name].is_running}
    hand_over = {name for name in restarted if would_do(units[name], stamps, cold)}
    start = {
        request.name
        for request in requests
        if request.started and request.name not in restarted and not units[request.name].is_up
    }
    return Plan(
        enable=_sorted(r.name for r in requests if r.enabled and not units[r.name].is_enabled),
        disable=_sorted(
            name
            for name in {*orphans, *(request.name for request in requests if not request.enabled)}
            if units[name].is_enabled
        ),
        stop=_sorted(name for name in unwanted if not units[name].is_down),
        reset=_sorted(failed(units, start)),
        restart=_sorted(restarted - hand_over),
        hand_over=_sorted(hand_over),
        start=_sorted(start),
    )


def would_do(unit: Unit, stamps: Mapping[str, int], cold: Mapping[str, int]) -> bool:
    """Return whether a hand-over brings ``unit`` up to date; arguments as in ``plan``."""
    is_known = stamps.get(unit.name, 0) > unit.started_at >= cold.get(unit.name, 0)
    return is_known and unit.can_hand_over


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def problems(requests: Iterable[Request], units: Mapping[str, Unit], may_be_missing: bool) -> list[str]:
    """Return why systemd cannot set the units' states; ``may_be_missing`` where check mode wrote no files."""
    result = []
    for request in requests:
        unit = units[request.name]
        if not request.started and not request.enabled:
            continue
        if unit["LoadState"] == "masked":
            unmask = "unmask --runtime" if unit["UnitFileState"] == "masked-runtime" else "unmask"
            result.append(f"{unit.name} is masked and cannot start; run 'systemctl {unmask} {unit.name}' on the host.")
        elif unit.is_missing and not may_be_missing:
            result.append(f"{unit.name} does not exist: no unit directory of this host has a file of that name.")
        elif unit["LoadState"] in ("error", "bad-setting"):
            result.append(
                f"systemd cannot load {unit.name}: {unit['LoadError']} "
                f"'systemd-analyze verify {unit['FragmentPath'] or unit.name}' on this host says what is wrong."
            )
    return result


def failed(units: Mapping[str, Unit], names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that systemd remembers as failed."""
    return [name for name in names if units[name]["ActiveState"] == "failed"]


def not_up(requests: Iterable[Request], changes: Plan, units: Mapping[str, Unit]) -> list[Unit]:
    """Return the units that are not up although they should be."""
    names = [*(request.name for request in requests if request.started), *changes.restart, *changes.hand_over]
    return [units[name] for name in dict.fromkeys(names) if not units[name].is_up]


def not_enabled(requests: Iterable[Request], units: Mapping[str, Unit]) -> list[str]:
    """Return a sentence for every unit that is still not enabled."""
    return [
        f"{request.name} cannot be enabled (systemd calls it {units[request.name]['UnitFileState'] or 'unknown'!r}); "
        "its unit file needs an [Install] section."
        for request in requests
        if request.enabled and not units[request.name].is_enabled
    ]


def explain(unit: Unit, journal: str, in_time: bool) -> str:
    """Return what became of ``unit`` and what to do, with its last lines in the ``journal``, URLs without passwords.

    ``in_time`` is False if the time was over before its job was done.
    """
    hint = _RESULT_HINTS.get(unit["Result"])
    if unit["ExecMainCode"] == "1":
        hint = hint or _exit_codes.hint(unit["ExecMainStatus"])
    if not in_time:
        hint = hint or "'timeout' expired before it was ready; run this again to keep waiting."
    lines = _strangers.quoted(_strangers.lines(without_secrets(journal, {}))) or " none"
    return (
        f"{unit.name} is not up: {unit}. {hint + ' ' if hint else ''}"
        f"'journalctl -u {unit.name}' on this host shows its journal, of which these are the last lines:{lines}"
    )


def still_running(unit: Unit) -> str:
    """Return what to do about ``unit``, which was told to stop."""
    return (
        f"{unit.name} has not stopped yet: {unit}. Nothing of it was removed. Its running tasks may need longer than "
        f"'timeout'; run this again, or see what they do: 'systemctl status {unit.name}' on this host."
    )


def diff(names: Iterable[str], changes: Plan, units: Mapping[str, Unit]) -> dict[str, str]:
    """Return the states of all units before and after ``changes``, a line each."""
    before, after = [], []
    for name in sorted(set(names)):
        unit = units[name]
        active = "active" if unit.is_up else unit["ActiveState"]
        enabled = "enabled" if unit.is_enabled else "disabled"
        before.append(f"{name}: {active}, {enabled}\n")
        if name in changes.restart:
            active = "active, restarted"
        elif name in changes.hand_over:
            active = "active, handed over"
        elif name in changes.start:
            active = "active"
        elif name in changes.stop:
            active = "inactive"
        if name in changes.enable:
            enabled = "enabled"
        elif name in changes.disable:
            enabled = "disabled"
        after.append(f"{name}: {active}, {enabled}\n")
    return {"before_header": "units", "after_header": "units", "before": "".join(before), "after": "".join(after)}
