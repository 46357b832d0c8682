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
    """Start a unit; one that has C(breaks) gets these properties instead and fails its job."""
    if "breaks" in unit:
        unit.update(unit["breaks"])
        return 1
    now = str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
    running = "running" if name.endswith(".service") else "active"
    unit.update(ActiveState="active", SubState=running, ExecMainStartTimestampMonotonic=now, InvocationID="f00")
    return 0


def down(unit: dict[str, Any]) -> int:
    """Stop a unit; one that has C(sticks) goes on."""
    if "sticks" in unit:
        time.sleep(unit["sticks"])
        return 1
    unit.update(ActiveState=unit.get("stops_as", "inactive"), SubState="dead")
    return 0


def show(units: dict[str, Any], names: list[str], wanted: list[str]) -> None:
    described = [{**DEFAULTS, **units[name]} if name in units else MISSING for name in names]
    print("\n\n".join("\n".join(f"{key}={unit.get(key, '')}" for key in wanted) for unit in described))


def main(verb: str, *arguments: str) -> int:
    state = HERE / "units.json"
    units = json.loads(state.read_text())
    names = [argument for argument in arguments if not argument.startswith("-")]
    with (HERE / "calls").open("a") as calls:
        print(verb, *names, file=calls)
    code = 0
    for name in names:
        unit = units.get(name)
        if verb in ("start", "restart"):
            code |= up(unit, name)
        elif verb == "stop":
            code |= down(unit)
        elif verb == "enable":
            unit["UnitFileState"] = unit.get("enables_as", "enabled")
        elif verb == "disable":
            unit["UnitFileState"] = "disabled"
        elif verb == "reset-failed":
            unit.update(ActiveState="inactive", Result="success")
    if verb == "daemon-reload":
        for unit in units.values():
            unit["NeedDaemonReload"] = "no"
            unit["LoadState"] = unit.pop("loads_as", unit.get("LoadState", "loaded"))
    if verb == "show":
        show(units, names, arguments[0].partition("=")[2].split(","))
    state.write_text(json.dumps(units))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
