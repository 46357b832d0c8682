# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands for the modules of the collection on a host that is the directory HOST, so that roles can run without one.

WANT_JSON: Ansible gives it a file with the options, and packs no library of modules for each call.

There ``files`` is what was written, ``up`` the units that run, and ``done`` what was done in which PLAY, a line each.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOST = Path(os.environ["HOST"])


def read(name: str, default: Any) -> Any:
    path = HOST / name
    return json.loads(path.read_text()) if path.exists() else default


def write(name: str, value: Any) -> None:
    (HOST / name).write_text(json.dumps(value))


def note(what: str, names: Any) -> None:
    with (HOST / "done").open("a") as done:
        print(os.environ["PLAY"], what, *names, sep="|", file=done)


def differing(options: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Text and unit of each file that is not as it is wanted, by its path."""
    written = read("files", {})
    pairs = zip(options["files"], json.loads(options["_texts"]), strict=True)
    return {file["path"]: (text, file.get("unit") or "") for file, text in pairs if written.get(file["path"]) != text}


def units_of(found: dict[str, tuple[str, str]]) -> list[str]:
    return sorted({unit for _text, unit in found.values() if unit})


def look(options: dict[str, Any], _check: bool) -> dict[str, Any]:
    if "accounts" in options:
        return {"accounts": {}, "problems": []}
    found = differing(options)
    own = {service["unit"]: service for service in options["services"]}
    changed = [unit for unit in units_of(found) if unit not in own or unit_kind(own[unit]) in options["kinds"]]
    environments = {service["environment"] for service in options["services"]} if changed else set()
    note("try", units_of(found))
    problems = [f"{unit} would not start" for unit in units_of(found) if (HOST / unit).exists()]
    up = read("up", [])
    wanted = [unit["name"] for unit in options["units"]]
    told = {"running": up, "settled": up, "orphans": [], "taken": [], "tried": units_of(found)}
    told |= {"differing": sorted(found), "unsettled": sorted({*wanted} - {*up})}
    return {"problems": problems, "changing": sorted(environments), **told}


def unit_kind(service: dict[str, Any]) -> str:
    return service["name"] if service["name"] in ("beat", "flower") else "worker"


def generations(options: dict[str, Any], _check: bool) -> dict[str, Any]:
    note("keep", options["environments"])
    return {"kept": options["environments"]}


def files(options: dict[str, Any], check: bool) -> dict[str, Any]:
    found = differing({"files": [], "_texts": "[]", **options})
    note("write", units_of(found))
    if not check:
        write("files", {**read("files", {}), **{path: text for path, (text, _unit) in found.items()}})
    return {"changed": bool(found), "restart": units_of(found), "orphans": [], "changed_files": sorted(found)}


def units(options: dict[str, Any], check: bool) -> dict[str, Any]:
    up = read("up", [])
    wanted = [unit["name"] for unit in options.get("units", []) if unit.get("state") != "stopped"]
    start = sorted({*wanted} - {*up})
    restart = sorted({*options.get("restart", [])} & {*up})
    note("restart", restart)
    note("start", start)
    if not check:
        write("up", sorted({*up, *start}))
    told = {"started": start, "restarted": restart, "timeout": options.get("timeout")}
    return {"changed": bool(start or restart), **told}


def virtualenvs(options: dict[str, Any], _check: bool) -> dict[str, Any]:
    """Install those whose name is no file on the host; the others take longer than one would wait, or cannot be."""
    names = [environment["name"] for environment in options["environments"]]
    if options.get("state") == "checked":
        return {"problems": []}
    late = [name for name in names if 0 < options["put_off_after"] < seconds_of(name)]
    failures = {name: f"{name} cannot be installed" for name in names if (HOST / f"broken-{name}").exists()}
    done = [name for name in names if name not in {*late, *failures}]
    note("install", done)
    return {"done": done, "put_off": late, "failures": failures, "problems": []}


def seconds_of(name: str) -> float:
    """Return how long the installation of an environment takes."""
    path = HOST / f"slow-{name}"
    return float(path.read_text()) if path.exists() else 1


def nothing(_options: dict[str, Any], _check: bool) -> dict[str, Any]:
    return {}


MODULES: dict[str, Callable[[dict[str, Any], bool], dict[str, Any]]] = {
    function.__name__: function for function in (look, generations, files, units, virtualenvs)
}


def main(name: str) -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    HOST.mkdir(exist_ok=True)
    options = {key: value for key, value in given.items() if not key.startswith("_ansible_")}
    print(json.dumps(MODULES.get(name, nothing)(options, given["_ansible_check_mode"])))
