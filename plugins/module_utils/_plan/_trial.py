# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a new unit is tried before it replaces the old one: as another unit, in the same context. Touches nothing."""

from __future__ import annotations

import functools
import math
import os
import re
from dataclasses import dataclass
from typing import Iterable, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats import _time_span
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import assignments, entries, parsed
from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import DropIn, expanded, settings
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import File
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service

_PREFIX = "stalk-try-"
_PROGRAM = re.compile("celery|flower", re.IGNORECASE)
_PRIVILEGED = re.compile(r"-?[@:+!|]")  # systemd.service(5), table of prefixes
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
    "RuntimeMax",
    "Sockets",
    "Standard",
    "StateDirectory",
    "SuccessExitStatus",
    "Timeout",
    "Type",
    "Watchdog",
)
_MADE = {
    "RuntimeDirectory": "/run",
    "StateDirectory": "/var/lib",
    "LogsDirectory": "/var/log",
    "CacheDirectory": "/var/cache",
}
_SHORTEST_START = 120  # seconds
_STOP_TIMEOUT = "STALK_CELERY_STOP_TIMEOUT"
GUARD = "--port=only-a-trial"  # as in celery_trial: nothing that runs without it takes this
_KNOWN_TO_LATER_SYSTEMD = ("PrivateIPC",)
_COMPLAINT = re.compile(r"(?P<unit>[^/\s:]+):(?:(?P<line>\d+):)? ?(?P<text>.*)")
_UNKNOWN = re.compile(r"Unknown (?:key|lvalue)(?: name)? '(?P<key>\w+)'")


@dataclass(frozen=True)
class Trial:
    """A new configuration of ``service`` that is to be run once, with copies of its ``files`` in ``directory``.

    ``drop_ins`` are those of its unit, ``others`` the texts of the environment files that are on this host already.
    ``accounts`` are those of ``User`` and ``Group`` of which this host has the account.
    """

    service: Service
    directory: str
    files: tuple[File, ...]
    accounts: tuple[str, ...]
    drop_ins: tuple[DropIn, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{_PREFIX}{self.service.unit}"

    @property
    def path(self) -> str:
        """The directory that goes into PYTHONPATH."""
        return os.path.join(self.directory, "path")

    @property
    def output(self) -> str:
        return os.path.join(self.directory, "output")

    @property
    def copies(self) -> dict[str, File]:
        """The files beside the unit, by the path of the copy that the trial reads."""
        others = (file for file in self.files if os.path.basename(file.path) != self.service.unit)
        return {os.path.join(self.directory, f"file-{number}"): file for number, file in enumerate(others)}

    @property
    def masks(self) -> list[str]:
        """The names of the drop-ins that systemd reads for the trial too, though their settings are in its unit."""
        return [os.path.basename(drop_in.path) for drop_in in self.drop_ins if drop_in.general]

    @property
    def env_files(self) -> list[str]:
        """The environment files that are not among the new ones."""
        paths = [value.lstrip("-").replace("%%", "%") for value in self.all("EnvironmentFile")]
        written = {file.path for file in self.files}
        return [path for path in paths if path not in written]

    @functools.cached_property
    def variables(self) -> dict[str, str]:
        """What the unit, its drop-ins and its environment files set."""
        own = [assignments(value.replace("%%", "%")) for key, value in self.settings if key == "Environment"]
        copied = [entries(file.content.decode("utf-8", "replace")) or {} for file in self.copies.values()]
        there = [parsed(text) for text in self.others]
        return {name: value for found in (*own, *there, *copied) for name, value in found.items()}

    @functools.cached_property
    def settings(self) -> list[tuple[str, str]]:
        """What the new unit and its drop-ins say of the service, in the order in which systemd reads it."""
        texts = (unit_text(self.service, self.files), *(drop_in.text for drop_in in self.drop_ins))
        return [
            (key, expanded(value, self.service.unit))
            for text in texts
            for section, key, value in settings(text)
            if section == "Service"
        ]

    def all(self, key: str) -> list[str]:
        """Return the values of a ``key`` to which each assignment adds, an empty one nothing."""
        values: list[str] = []
        for found, value in self.settings:
            if found == key:
                values = [*values, value] if value else []
        return values

    @property
    def command(self) -> str:
        """What the service will run, empty if that is nothing, or nothing that can be tried."""
        found = self.all("ExecStart")
        is_tried = len(found) == 1 and _PROGRAM.search(found[0]) and not _PRIVILEGED.match(found[0])
        return found[0].lstrip("-") if is_tried else ""

    @property
    def changed_by(self) -> list[str]:
        """The drop-ins that have something run which a trial leaves out, or in place of celery."""
        keys = ("ExecStart", "ExecStartPre", "ExecCondition")
        return [
            drop_in.path
            for drop_in in self.drop_ins
            if any(section == "Service" and key in keys and value for section, key, value in settings(drop_in.text))
        ]

    @property
    def start_timeout(self) -> float:
        """Seconds that the trial may take: as long as the service, and two minutes at least."""
        spans = [value for key, value in self.settings if key in ("TimeoutStartSec", "TimeoutSec")]
        return _time_span.of_import((spans or [""])[-1], _SHORTEST_START)

    @property
    def stop_timeout(self) -> float | None:
        """Seconds that a stop of the service may take; none for systemd's own default."""
        spans = [_time_span.seconds(value) for key, value in self.settings if key in ("TimeoutStopSec", "TimeoutSec")]
        return next((span or math.inf for span in reversed(spans) if span is not None), None)

    @property
    def made(self) -> list[str]:
        """The directories that systemd makes for the service, and not for the trial."""
        return [
            os.path.join(parent, name.partition(":")[0])
            for key, parent in _MADE.items()
            for value in self.all(key)
            for name in value.split()
        ]

    @property
    def unit(self) -> str | None:
        """The unit that runs the same command in the context of the new unit, and has Celery load what tries it.

        Where the user does not exist yet, the command runs as a dynamic user, and where only the group does not, with
        the primary group of the user. Of the directories that the new unit has systemd make, none is made. None if
        there is no command that can be tried.
        """
        if not self.command:
            return None
        modules = f"{self.path}:${{PYTHONPATH}}" if self.variables.get("PYTHONPATH") else self.path
        return "\n".join(
            [
                "[Unit]",
                "Description=Trial of a new configuration",
                "[Service]",
                "Environment=PYTHONDONTWRITEBYTECODE=1",
                *([f"Environment={_STOP_TIMEOUT}={self.stop_timeout:g}"] if self.stop_timeout else []),
                *(self._line(key, value) for key, value in self.settings if not self._is_dropped(key)),
                "Type=oneshot",
                "RemainAfterExit=yes",
                f"TimeoutStartSec={self.start_timeout:g}",
                "TimeoutStopSec=10",
                f"StandardOutput=file:{self.output.replace('%', '%%')}",
                "StandardError=inherit",
                f"ExecStart=/usr/bin/env PYTHONPATH={modules} {self.command} {GUARD}",
                "",
            ]
        )

    def _is_dropped(self, key: str) -> bool:
        return key.startswith(_DROPPED) or (key == "Group" and "Group" not in self.accounts)

    def _line(self, key: str, value: str) -> str:
        if (key, value) == ("User", self.service.user) and "User" not in self.accounts:
            return "DynamicUser=yes"
        if key == "EnvironmentFile":
            path = value.lstrip("-").replace("%%", "%")
            copies = {file.path: copy for copy, file in self.copies.items()}
            return f"EnvironmentFile={copies[path].replace('%', '%%') if path in copies else value}"
        return f"{key}={value}"


def unit_text(service: Service, files: Iterable[File]) -> str:
    """Return the text of the new unit file of ``service``, empty if ``files`` have none."""
    texts = (file.content for file in files if os.path.basename(file.path) == service.unit)
    return next(texts, b"").decode("utf-8", "replace")


def complaints(output: str, directory: str, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what ``systemd-analyze verify`` said of the units ``texts`` that it read in ``directory``, by unit."""
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
