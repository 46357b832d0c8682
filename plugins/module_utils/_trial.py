# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a new unit is tried before it replaces the old one: as another unit, in the same context. Touches nothing."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._units import Unit

PREFIX = "stalk-try-"
_CELERY = "/usr/bin/env ${CELERY_BIN} "
_DROPPED = (
    "BusName",
    "CacheDirectory",
    "ConfigurationDirectory",
    "ExecCondition",
    "ExecReload",
    "ExecStart",
    "ExecStop",
    "FileDescriptorStore",
    "GuessMainPID",
    "LogsDirectory",
    "NotifyAccess",
    "PIDFile",
    "RemainAfterExit",
    "Restart",
    "RuntimeDirectory",
    "Sockets",
    "Standard",
    "StateDirectory",
    "SuccessExitStatus",
    "Timeout",
    "Type",
    "Watchdog",
)
_KNOWN_TO_LATER_SYSTEMD = ("PrivateIPC",)
_OUTPUT_LINES = 40
_HIDDEN_INTERPRETER = (
    "systemd could not execute {service.virtualenv}/bin/python: the sandbox may hide it, or the interpreter that it "
    "links to; try 'sandbox: {{ProtectHome: read-only}}' in {service.variable}."
)
_COMPLAINT = re.compile(r"(?P<unit>[^/\s:]+):(?:(?P<line>\d+):)? ?(?P<text>.*)")
_UNKNOWN = re.compile(r"Unknown (?:key|lvalue)(?: name)? '(?P<key>\w+)'")


def trial_unit(
    text: str,
    command: Sequence[str],
    output: str,
    staged: Mapping[str, str],
    accounts: Iterable[str],
) -> str | None:
    """The unit that runs C(command) in place of the celery of the unit C(text), once, and in the same context.

    C(command) gets the arguments of celery. It writes to the file C(output). Environment files are replaced by their
    C(staged) copies. C(accounts) are the users and groups of this host; where one is missing the command runs as
    a dynamic user. Of the directories that the unit has systemd make, none is made. None is returned if the unit
    does not run celery in the way that the collection's units do.
    """
    service = [(key, value) for section, key, value in settings(text) if section == "Service"]
    start = dict(service).get("ExecStart", "")
    if not start.startswith(_CELERY):
        return None
    lines = []
    for key, value in service:
        if key == "EnvironmentFile":
            path = value.lstrip("-").replace("%%", "%")
            lines.append(f"{key}={staged.get(path, path).replace('%', '%%')}")
        elif key in ("User", "Group") and value not in accounts:
            lines.append("DynamicUser=yes")
        elif not key.startswith(_DROPPED):
            lines.append(f"{key}={value}")
    return "\n".join(
        [
            "[Unit]",
            "Description=Trial of a new configuration",
            "[Service]",
            "Environment=PYTHONDONTWRITEBYTECODE=1",
            *lines,
            "Type=oneshot",
            "TimeoutStartSec=120",
            "TimeoutStopSec=10",
            f"StandardOutput=file:{output}",
            "StandardError=inherit",
            f"ExecStart={' '.join(map(_quoted, command))} {start[len(_CELERY) :]}",
            "",
        ]
    )


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of every assignment in a unit file (systemd.syntax(7))."""
    section = ""
    for line in map(str.strip, re.sub(r"\\\n", " ", text).splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _equals, value = line.partition("=")
            yield section, key.strip(), value.strip()


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def complaints(output: str, directory: str, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """What C(systemd-analyze verify) said of the units C(texts) that it read in C(directory), by name of the unit."""
    result: dict[str, list[str]] = {}
    for line in output.replace(f"{directory}/", "").splitlines():
        found = _COMPLAINT.fullmatch(line.strip())
        if found is None or found["unit"] not in texts:
            continue
        unknown = _UNKNOWN.match(found["text"])
        if unknown and unknown["key"] in _KNOWN_TO_LATER_SYSTEMD:
            continue
        lines = texts[found["unit"]].splitlines()
        number = int(found["line"] or 0)
        quoted = f" for the line {lines[number - 1]!r}" if 0 < number <= len(lines) else ""
        result.setdefault(found["unit"], []).append(
            f"{found['unit']}: systemd does not accept the new unit{quoted}: {found['text']}"
        )
    return result


def failure(service: Service, unit: Unit, output: str, variables: Mapping[str, str]) -> list[str]:
    """Why the trial of C(service) failed, which ended as C(unit) with this C(output); nothing if it did not fail.

    C(variables) are those of its environment; the secret ones are not shown.
    """
    if unit["ActiveState"] != "failed" and unit["Result"] == "success":
        return []
    app = variables.get("CELERY_APP", "")
    hint = f" {_HIDDEN_INTERPRETER.format(service=service)}" if unit["ExecMainStatus"] == "203" else ""
    lines = without_secrets(output, variables).strip().splitlines()[-_OUTPUT_LINES:]
    said = "".join(f"\n    {line}" for line in lines) or " nothing"
    return [
        f"{service}: the app {app!r} does not start with the new configuration of {service.unit} "
        f"({unit}); nothing was changed.{hint} It said:{said}"
    ]
