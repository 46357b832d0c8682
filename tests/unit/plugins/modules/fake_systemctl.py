# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A manager of units in a JSON file, with the manners of systemctl(1) that the modules rely on."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(sys.argv[0]).parent
DEFAULTS = {
    "LoadState": "loaded",
    "ActiveState": "inactive",
    "SubState": "dead",
    "UnitFileState": "disabled",
    "NeedDaemonReload": "no",
    "Result": "success",
    "ExecMainCode": "0",
    "ExecMainStatus": "0",
    "ExecMainStartTimestampMonotonic": "0",
    "MainPID": "0",
}
MISSING = {**DEFAULTS, "LoadState": "not-found", "UnitFileState": ""}


def up(unit: dict[str, Any], name: str) -> int:
    """Start a unit; one that has ``breaks`` gets these properties instead and fails its job."""
    if "breaks" in unit:
        unit.update(unit["breaks"])
        return 1
    now = str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
    running = "running" if name.endswith(".service") else "active"
    unit.update(ActiveState="active", SubState=running, InvocationID="f00")
    unit.update(ExecMainStartTimestampMonotonic=now, ActiveEnterTimestampMonotonic=now)
    return 0


def down(unit: dict[str, Any], name: str) -> int:
    """Stop a unit; one that has ``sticks`` goes on."""
    if "sticks" in unit:
        return 1
    unit.update(ActiveState=unit.get("stops_as", "inactive"), SubState="dead")
    unit["stopped_with_file"] = (HERE / "system" / name).exists()
    return 0


def hand_over(unit: dict[str, Any]) -> int:
    """Give a unit another main process; one that has ``refuses`` gets these properties instead and fails its job."""
    if "refuses" in unit:
        unit.update(unit["refuses"])
        return 1
    now = str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
    unit.update(MainPID=str(int(unit.get("MainPID", "0")) + 1), ExecMainStartTimestampMonotonic=now)
    return 0


def run_once(name: str) -> dict[str, Any]:
    """Run a oneshot unit of the transient directory: keeps what it saw, writes what the test told it to."""
    text = (HERE / "transient" / name).read_text()
    result: dict[str, Any] = json.loads((HERE / "trials.json").read_text()).get(name, {})
    settings: dict[str, str] = dict(line.split("=", 1) for line in reversed(text.splitlines()) if "=" in line)
    copy = Path(settings["EnvironmentFile"])
    script = copy.parent / "path/trial.py"
    masks = HERE / "transient" / f"{name}.d"
    seen = {
        "unit": text,
        "environment": copy.read_text(),
        "modes": [oct(path.stat().st_mode & 0o777) for path in (copy, script, *script.parents[:4]) if path.exists()],
        "masks": {path.name: str(path.readlink()) for path in masks.glob("*")},
    }
    (HERE / f"seen-{name}").write_text(json.dumps(seen))
    output = result.pop("output", "")
    if result.get("ActiveState", "active") == "active" and not result.pop("silent", False):
        output += "\nstalk.celery tried it\n"
    Path(settings["StandardOutput"].replace("file:", "")).write_text(output)
    return {"ActiveState": "active", "SubState": "exited", **result}


def show(units: dict[str, Any], names: list[str], wanted: list[str]) -> None:
    described = [{**DEFAULTS, **units[name]} if name in units else MISSING for name in names]
    print("\n\n".join("\n".join(f"{key}={unit.get(key, '')}" for key in wanted) for unit in described))


def act(verb: str, units: dict[str, Any], name: str) -> int:
    """Do ``verb`` to one unit."""
    if name.startswith("stalk-try-") and verb == "restart":
        units[name] = run_once(name)
        return 0
    unit = units[name]
    if verb in ("start", "restart"):
        return up(unit, name)
    if verb == "stop":
        return down(unit, name)
    if verb == "reload":
        return hand_over(unit)
    unit.update(
        {
            "enable": {"UnitFileState": unit.get("enables_as", "enabled")},
            "disable": {"UnitFileState": "disabled"},
            "reset-failed": {"ActiveState": "inactive", "Result": "success"},
        }[verb]
    )
    return 0


def reload(units: dict[str, Any]) -> int:
    """Read the unit files again."""
    for unit in units.values():
        unit.update(NeedDaemonReload="no", LoadState=unit.pop("loads_as", unit.get("LoadState", "loaded")))
    return 0


def main(verb: str, *arguments: str) -> int:
    """Run one call of systemctl and write it down; returns the exit code."""
    if verb == "--version":
        print((HERE / "version").read_text())
        return 0
    names = [argument for argument in arguments if not argument.startswith("-")]
    with (HERE / "calls").open("a") as calls:
        print(verb, *names, file=calls)
    if (HERE / f"no-{verb}").exists():
        print(f"{verb} refused", file=sys.stderr)
        return 1
    units = json.loads((HERE / "units.json").read_text())
    if verb == "show":
        show(units, names, arguments[0].partition("=")[2].split(","))
        return 0
    code = reload(units) if verb == "daemon-reload" else max(act(verb, units, name) for name in names)
    (HERE / "units.json").write_text(json.dumps(units))
    if verb in ("start", "stop", "restart"):
        time.sleep(max(units[name].get("takes", 0) for name in names))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
