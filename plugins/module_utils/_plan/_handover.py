# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which services are handed over to a new process, which restarted, and how many at a time. Touches nothing."""

from __future__ import annotations

import re
from typing import Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import settings
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

PROPERTIES = ("ControlGroup", "ExecReload", "MemoryMax", "ReloadResult")
UNABLE = "its process takes no part in a hand-over"
_UNABLE = "3"  # as in celery_handover: how it ends where the old process takes no part
# Directives that a process has which a reload starts, or that systemd has as soon as it has read the unit file.
_OF_A_PROCESS = {
    *("Description", "Documentation", "Wants", "Requires", "After", "PartOf", "WantedBy"),
    *("Environment", "EnvironmentFile", "ExecReload", "ExecStart", "TimeoutStartSec", "TimeoutStopSec"),
    *("LimitNOFILE", "LimitNPROC", "Nice", "OOMScoreAdjust", "UMask", "WorkingDirectory"),
    *("BindPaths", "BindReadOnlyPaths", "PrivateIPC", "PrivateMounts", "PrivateTmp", "PrivateUsers", "ProcSubset"),
    *("ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
    *("ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadWritePaths", "TemporaryFileSystem"),
    *("CapabilityBoundingSet", "KeyringMode", "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges"),
    *("RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID"),
    *("SupplementaryGroups", "SystemCallArchitectures", "SystemCallErrorNumber", "SystemCallFilter"),
}
_FOR_EACH_PROCESSOR = 2  # a start also waits, for the broker and for other workers
_MIB = 2**20
_LAST_RELOAD = re.compile(r"; pid=(?P<pid>\d+) ; code=(?P<code>\S+) ; status=(?P<status>\d+)")
_NEW_PROCESS = re.compile(r"the new process (\d+) ")


def needs_restart(path: str, before: str, after: str) -> bool:
    """Return whether a file of a service was changed so that a new process of the unit does not see all of it."""
    if not path.endswith(".service"):
        return False
    old, new = ({*settings(text)} for text in (before, after))
    return bool({name for _section, name, _value in old ^ new} - _OF_A_PROCESS)


def want_of_memory(size: int, limit: str, free: int) -> str:
    """Return why a unit has no room for a second process, empty if it has.

    :param size: the bytes that its processes have now.
    :param limit: its ``MemoryMax``.
    :param free: the bytes that the host has left.
    """
    twice = f"twice its present memory is {2 * size // _MIB} MiB"
    if limit.isdigit() and 2 * size > int(limit):
        return f"{twice}, and its MemoryMax= is {int(limit) // _MIB} MiB"
    return f"{twice}, and the host has {free // _MIB} MiB left" if 2 * size > free else ""


def at_a_time(wanted: int, processors: int) -> int:
    """Return how many services start at the same time: as many as are ``wanted``, or what ``processors`` can start."""
    return wanted or max(1, processors) * _FOR_EACH_PROCESSOR


def batch(sizes: Mapping[str, int], free: int, most: int) -> list[str]:
    """Return the first of the units with these ``sizes`` whose second processes have room: at least one."""
    chosen: list[str] = []
    need = 0
    for name, size in sizes.items():
        need += 2 * size
        if chosen and (len(chosen) == most or need > free):
            break
        chosen.append(name)
    return chosen


def turn(lanes: Mapping[str, str], most: int) -> list[str]:
    """Return the first units to restart, ``most`` of them and no two of one lane.

    :param lanes: the lane of each unit.
    """
    firsts = {lane: name for name, lane in reversed([*lanes.items()])}
    return [name for name, lane in lanes.items() if firsts[lane] == name][:most]


def is_handed_over(before: Unit, after: Unit) -> bool:
    """Return whether a unit has another main process than ``before``, and runs."""
    return after.is_up and after["MainPID"] not in ("0", before["MainPID"])


def is_unable(after: Unit) -> bool:
    """Return whether the last reload of a unit ended since its process takes no part."""
    found = _LAST_RELOAD.search(after["ExecReload"])
    return bool(found and found["code"] == "exited" and found["status"] == _UNABLE)


def program(after: Unit) -> int:
    """Return the number of the process that was to hand a unit over at its last reload, 0 without one."""
    found = _LAST_RELOAD.search(after["ExecReload"])
    return int(found["pid"]) if found else 0


def new_process(said: str) -> list[int]:
    """Return the number of the new process in what the program ``said`` that was to hand over."""
    return [int(number) for number in _NEW_PROCESS.findall(said)[-1:]]


def explain(after: Unit, said: str, journal: str, in_time: bool) -> str:
    """Return why a unit was not handed over.

    :param said: what the program said that was to do it.
    :param journal: the last lines of the new process.
    :param in_time: whether it was over when the time was.
    """
    why = next((line for line in _strangers.lines(said)[::-1] if "no hand-over" in line), "")
    reasons = (
        why.partition("goes on: ")[2].partition("; its lines")[0],
        "" if in_time else "'timeout' expired before the new process was ready",
        f"its reload ended with {after['ReloadResult'] or 'no result'}",
    )
    reason = next(filter(None, reasons))
    lines = _strangers.quoted(_strangers.lines(without_secrets(journal, {}))) or " none"
    return (
        f"{after.name} was not handed over, and its old process goes on: {reason}. 'journalctl -u {after.name}' on "
        f"this host shows its journal, of which these are the last lines of the new process:{lines}"
    )
