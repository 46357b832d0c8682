# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a new unit is tried before it replaces the old one: as another unit, in the same context. Touches nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Iterable, Iterator, Mapping

from ansible_collections.stalk.celery.plugins.module_utils import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._envfile import entries, without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._files import File
from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import command_word
from ansible_collections.stalk.celery.plugins.module_utils._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._units import Unit

_PREFIX = "stalk-try-"
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
_OUTPUT_LINES = 40
_LINES_WITH_WARNINGS = 1000
_WARNINGS = 10
_STOP_TIMEOUT = "STALK_CELERY_STOP_TIMEOUT"
_WARNING = "stalk.celery warns: "
_KNOWN_TO_LATER_SYSTEMD = ("PrivateIPC",)
_COMPLAINT = re.compile(r"(?P<unit>[^/\s:]+):(?:(?P<line>\d+):)? ?(?P<text>.*)")
_UNKNOWN = re.compile(r"Unknown (?:key|lvalue)(?: name)? '(?P<key>\w+)'")


@dataclass(frozen=True)
class Trial:
    """A new configuration of C(service) that is to be run once, with copies of its C(files) in C(directory).

    C(accounts) are those of C(User) and C(Group) of which this host has the account.
    """

    service: Service
    directory: str
    files: tuple[File, ...]
    accounts: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{_PREFIX}{self.service.unit}"

    @property
    def script(self) -> str:
        return os.path.join(self.directory, "try_app.py")

    @property
    def output(self) -> str:
        return os.path.join(self.directory, "output")

    @property
    def copies(self) -> dict[str, File]:
        """The files beside the unit, by the path of the copy that the trial reads."""
        others = (file for file in self.files if os.path.basename(file.path) != self.service.unit)
        return {os.path.join(self.directory, f"file-{number}"): file for number, file in enumerate(others)}

    @property
    def variables(self) -> dict[str, str]:
        """What the files beside the unit set."""
        texts = (file.content.decode("utf-8", "replace") for file in self.copies.values())
        return {name: value for text in texts for name, value in (entries(text) or {}).items()}

    @property
    def unit(self) -> str | None:
        """The unit that runs the script in place of celery, with celery's arguments, in the context of the new unit.

        Where the user does not exist yet, the script runs as a dynamic user, and where only the group does not, with
        the primary group of the user. Of the directories that the new unit has systemd make, none is made. None for a
        unit that does not run celery as the collection's units do.
        """
        service = [
            (key, value)
            for section, key, value in settings(unit_text(self.service, self.files))
            if section == "Service"
        ]
        start = dict(service).get("ExecStart", "")
        if not start.startswith(_CELERY):
            return None
        command = [os.path.join(self.service.virtualenv, "bin/python"), self.script]
        return "\n".join(
            [
                "[Unit]",
                "Description=Trial of a new configuration",
                "[Service]",
                "Environment=PYTHONDONTWRITEBYTECODE=1",
                *(f"Environment={_STOP_TIMEOUT}={value}" for key, value in service if key == "TimeoutStopSec"),
                *(self._line(key, value) for key, value in service if not self._is_dropped(key)),
                "Type=oneshot",
                "RemainAfterExit=yes",
                "TimeoutStartSec=120",
                "TimeoutStopSec=10",
                f"StandardOutput=file:{self.output.replace('%', '%%')}",
                "StandardError=inherit",
                f"ExecStart={' '.join(map(command_word, command))} {start[len(_CELERY) :]}",
                "",
            ]
        )

    def _is_dropped(self, key: str) -> bool:
        return key.startswith(_DROPPED) or (key == "Group" and "Group" not in self.accounts)

    def _line(self, key: str, value: str) -> str:
        if key == "User" and "User" not in self.accounts:
            return "DynamicUser=yes"
        if key == "EnvironmentFile":
            path = value.lstrip("-").replace("%%", "%")
            copies = {file.path: copy for copy, file in self.copies.items()}
            return f"EnvironmentFile={copies.get(path, path).replace('%', '%%')}"
        return f"{key}={value}"


def unit_text(service: Service, files: Iterable[File]) -> str:
    """The text of the new unit file of C(service), empty if C(files) have none."""
    texts = (file.content for file in files if os.path.basename(file.path) == service.unit)
    return next(texts, b"").decode("utf-8", "replace")


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of every assignment in a unit file (systemd.syntax(7))."""
    section = ""
    for line in map(str.strip, re.sub(r"\\\n", " ", text).splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _equals, value = line.partition("=")
            yield section, key.strip(), value.strip()


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
        about = f" because of the line {lines[number - 1]!r}" if 0 < number <= len(lines) else ""
        result.setdefault(found["unit"], []).append(f"systemd does not accept the new unit{about}: {found['text']}")
    return result


def warnings(trial: Trial, output: str) -> list[str]:
    """What C(trial) warns of, in the lines of its C(output) that say so, without a secret."""
    lines = _strangers.lines(without_secrets(output, trial.variables), _LINES_WITH_WARNINGS)
    texts = [line[len(_WARNING) :] for line in lines if line.startswith(_WARNING)][:_WARNINGS]
    return [f"{trial.service.variable}, {trial.service.name}: {text}" for text in texts]


def failure(trial: Trial, ended: Unit, output: str) -> list[str]:
    """Why C(trial) failed, which C(ended) with this C(output), of which no secret is shown; nothing if it did not."""
    if ended["ActiveState"] == "active":
        return []
    service = trial.service
    text = without_secrets(output.replace(f"{trial.directory}/", ""), trial.variables)
    lines = _strangers.quoted(_strangers.lines(text, _OUTPUT_LINES))
    if ended["ExecMainStatus"] == "203":
        return [
            f"with the new configuration systemd cannot execute {service.virtualenv}/bin/python. If it works outside "
            f"of the unit, the sandbox hides it or what it links to: set 'sandbox: {{ProtectHome: read-only}}' in "
            f"{service.variable}. Nothing was changed.{lines}"
        ]
    app, reason = trial.variables.get("CELERY_APP", ""), ended.ending or ended["LoadError"] or str(ended)
    return [
        f"the app {app!r} does not start with the new configuration ({reason}); correct {service.variable}, or the "
        f"code in {service.directory}. Nothing was changed. The last lines it wrote:{lines or ' none'}"
    ]
