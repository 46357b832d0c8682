# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show that a service keeps crashing: systemd starts it again for ever, and never calls it failed.

While ``celery-live-w1.service`` does so, ``celery-live-w1-failing.service`` is a failed unit: ``systemctl --failed``
shows it, and it starts what ``OnFailure=`` of the service names. The service itself is left alone. This program runs
as root, so it looks at nothing that the user of the environment can write.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import AbstractSet, Callable, Dict, NamedTuple, Sequence

LOOK_EVERY = 10.0  # seconds, as all that follow
SEEN_FOR = 600.0  # in which CRASHES make it one that keeps crashing
CRASHES = 3
DOWN_FOR = 60.0  # without coming up, after a crash
QUIET_FOR = 20.0  # up and without a crash, it works again, unless its crashes were that far apart
PATIENCE = 60.0
SUFFIX = "-failing.service"
PROPERTIES = ("Id", "Description", "ActiveState", "SubState", "NRestarts", "OnFailure")
ENVIRON = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "SYSTEMD_PAGER": ""}

Unit = Dict[str, str]


class Look(NamedTuple):
    """What one look saw of a service."""

    at: float
    state: str
    restarts: int


def seen(unit: Unit, at: float) -> Look:
    """Return what ``systemctl show`` says of a service: it is up, trying to be, or stopped."""
    restarts = int(unit["NRestarts"]) if unit.get("NRestarts", "").isdigit() else 0
    if unit["ActiveState"] == "activating" or "auto-restart" in unit["SubState"]:
        return Look(at, "trying", restarts)
    return Look(at, "stopped" if unit["ActiveState"] in ("inactive", "failed") else "up", restarts)


def remembered(history: Sequence[Look], look: Look) -> list[Look]:
    """Return the looks that count. When somebody starts a service by hand, systemd counts its restarts anew."""
    if history and look.restarts < history[-1].restarts:
        return [look]
    return [*(one for one in history if look.at - one.at <= SEEN_FOR), look]


def keeps_crashing(history: Sequence[Look], was: bool) -> bool:
    """Decide whether a service keeps crashing.

    :param history: the looks that count, the last one is now.
    :param was: whether it did so at the look before.
    """
    now = history[-1]
    if now.state == "stopped":
        return False
    if was:
        return _since(history, lambda one: one.state == "up" and one.restarts == now.restarts) < quiet_for(history)
    crashes = now.restarts - history[0].restarts
    is_down = _since(history, lambda one: one.state == "trying") >= DOWN_FOR
    return crashes >= CRASHES or (is_down and now.restarts > 0)


def quiet_for(history: Sequence[Look]) -> float:
    """Return how long a service has to be quiet until it works again: longer than it was between its crashes."""
    rises = [now.at for before, now in zip(history, history[1:]) if now.restarts > before.restarts]
    return max(QUIET_FOR, 1.5 * (rises[-1] - rises[0]) / (len(rises) - 1)) if len(rises) > 1 else QUIET_FOR


def _since(history: Sequence[Look], holds: Callable[[Look], bool]) -> float:
    """Return for how long something holds, 0 if it does not hold now."""
    since = history[-1].at
    for look in reversed(history):
        if not holds(look):
            break
        since = look.at
    return history[-1].at - since


def failing_name(unit: str) -> str:
    """Return the name of the unit that fails while a service keeps crashing."""
    return unit[: -len(".service")] + SUFFIX


def failure(target: str, unit: Unit) -> list[str]:
    """Return the command that makes the unit which has failed, and which goes with the environment."""
    on_failure = unit.get("OnFailure", "").replace("\\", "\\\\")  # systemd-run takes a backslash for an escape
    return [
        "systemd-run",
        "--quiet",
        "--no-block",
        f"--unit={failing_name(unit['Id'])}",
        f"--description={unit['Description']} keeps crashing",
        f"--property=PartOf={target}",
        *([f"--property=OnFailure={on_failure}"] if on_failure else []),
        "/bin/false",
    ]


class Watch:
    """The services of an environment, found by its target."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.histories: dict[str, list[Look]] = {}

    def look(self) -> None:
        """Look once at all services, and change what is called failing."""
        units = show(self._members())
        failing = {name for name, unit in units.items() if name.endswith(SUFFIX) and unit["ActiveState"] == "failed"}
        services = {name: unit for name, unit in units.items() if not name.endswith(SUFFIX)}
        now = time.monotonic()
        self.histories = {
            name: remembered(self.histories.get(name, ()), seen(unit, now)) for name, unit in services.items()
        }
        crashing = {
            failing_name(name): services[name]
            for name, history in self.histories.items()
            if keeps_crashing(history, failing_name(name) in failing)
        }
        self._change(failing, crashing)

    def _change(self, failing: AbstractSet[str], crashing: dict[str, Unit]) -> None:
        for name in sorted(crashing.keys() - failing):
            say(f"{crashing[name]['Id']} keeps crashing: see journalctl -u {crashing[name]['Id']}")
            command(failure(self.target, crashing[name]))
        self._forget(sorted(failing - crashing.keys()))

    def _forget(self, names: Sequence[str]) -> None:
        for name in names:
            say(f"{name[: -len(SUFFIX)]}.service does not keep crashing any more")
            self.histories.pop(f"{name[: -len(SUFFIX)]}.service", None)
        if names:
            command(["systemctl", "reset-failed", "--", *names])

    def _members(self) -> list[str]:
        """Return the services that go with the target, and the units that have failed for them."""
        members = show([self.target], ("Id", "ConsistsOf")).get(self.target, {}).get("ConsistsOf", "").split()
        return [name for name in members if name.endswith(".service")]

    def end(self) -> None:
        """Leave nothing that nobody would take back."""
        self._forget(sorted(name for name in self._members() if name.endswith(SUFFIX)))


def show(names: Sequence[str], properties: Sequence[str] = PROPERTIES) -> dict[str, Unit]:
    """Return properties of units, by name."""
    if not names:
        return {}
    output = command(["systemctl", "show", f"--property={','.join(properties)}", "--", *names])
    blocks = (block.splitlines() for block in output.split("\n\n"))
    units = [dict(line.split("=", 1) for line in lines if "=" in line) for lines in blocks]
    return {unit["Id"]: unit for unit in units if "Id" in unit}


def command(words: Sequence[str]) -> str:
    """Return what a command prints; what it complains about goes to the journal, and the next look tries again."""
    with suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            words, env=ENVIRON, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=False
        ).stdout.decode("utf-8", "replace")
    return ""


def say(text: str) -> None:
    """Write a line into the journal."""
    print(text, flush=True)


def main(target: str) -> None:
    """Watch the services of a target until SIGTERM."""
    watch = Watch(target)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    while signal.sigtimedwait([signal.SIGTERM], LOOK_EVERY) is None:
        watch.look()
    watch.end()


if __name__ == "__main__":
    main(sys.argv[1])
