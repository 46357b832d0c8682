# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd takes for each directive of ``sandbox`` and ``limits``, and how it is written into a unit."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import literal_path, unit_text, unit_value

_BOOLEAN = "(?i:yes|no|true|false|on|off|1|0)"
_BYTES = r"(?=.*[1-9])(?:\d{1,18}|\d{1,6}(?:\.\d{1,3})?[KMGT])"
_SHARE = r"(?=.*[1-9])(?:100|\d{1,2}(?:\.\d{1,2})?)%"
# man 7 capabilities; systemd passes over others without a word.
_CAPABILITIES = (
    "AUDIT_CONTROL|AUDIT_READ|AUDIT_WRITE|BLOCK_SUSPEND|BPF|CHECKPOINT_RESTORE|CHOWN|DAC_OVERRIDE|DAC_READ_SEARCH|"
    "FOWNER|FSETID|IPC_LOCK|IPC_OWNER|KILL|LEASE|LINUX_IMMUTABLE|MAC_ADMIN|MAC_OVERRIDE|MKNOD|NET_ADMIN|"
    "NET_BIND_SERVICE|NET_BROADCAST|NET_RAW|PERFMON|SETFCAP|SETGID|SETPCAP|SETUID|SYS_ADMIN|SYS_BOOT|SYS_CHROOT|"
    "SYS_MODULE|SYS_NICE|SYS_PACCT|SYS_PTRACE|SYS_RAWIO|SYS_RESOURCE|SYS_TIME|SYS_TTY_CONFIG|SYSLOG|WAKE_ALARM"
)
_NETWORKS = ("any", "localhost", "link-local", "multicast")


@dataclass(frozen=True)
class Directive:
    """The values of one directive.

    Attributes:
        accepts: whether it takes a text.
        wanted: what to write, for people.
        boolean: whether true and false stand for yes and no.
        number: whether it takes numbers.
        specifiers: whether systemd expands specifiers in it, so that % has to be doubled.
    """

    accepts: Callable[[str], object]
    wanted: str
    boolean: bool = False
    number: bool = False
    specifiers: bool = False


def text_of(name: str, value: Any) -> Any:
    """Return the text of a value as a user may write it: yes for true, 8 for the number 8; other types as they are."""
    directive = DIRECTIVES.get(name, _OTHER)
    if isinstance(value, bool):
        return ("no", "yes")[value] if directive.boolean else value
    return str(value) if directive.number and isinstance(value, int) else value


def problem_of(name: str, text: str) -> str | None:
    """Return what is wrong with a text as the value of a directive, and what to write."""
    directive = DIRECTIVES.get(name, _OTHER)
    try:
        accepted = directive.accepts(unit_text(text))
    except ValueError as error:
        return f"{error}."
    return None if accepted else f"is {text!r}. Write {directive.wanted}."


def line_of(name: str, text: str) -> str:
    """Return the value of a directive as it stands in a unit. Raise ValueError for one that it does not take."""
    problem = problem_of(name, text)
    if problem:
        raise ValueError(f"{name} {problem}")
    return unit_value(text) if DIRECTIVES.get(name, _OTHER).specifiers else unit_text(text)


def _pattern(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _range(lowest: int, highest: int, otherwise: str = "") -> Callable[[str], bool]:
    """Return what accepts a decimal number in a range, or one text."""
    number = _pattern(r"-?[0-9]{1,20}")
    return lambda text: (bool(number(text)) and lowest <= int(text) <= highest) or text == otherwise != ""


def _words(accepts: Callable[[str], object]) -> Callable[[str], bool]:
    """Return what accepts words between single spaces, none at all included."""
    return lambda text: text == "" or all(word and accepts(word) for word in text.split(" "))


def _set(word: str) -> Callable[[str], bool]:
    """Return what accepts a set of words, which ~ before the first one inverts."""
    words = _words(_pattern(word))
    return lambda text: text != "~" and words(text.removeprefix("~"))


def _paths(text: str, prefixes: str, parts: int = 1) -> bool:
    """Return whether all words are paths, with a prefix and further parts after colons."""
    for word in filter(None, text.split(" ")):
        path, *more = word.lstrip(prefixes).split(":")
        if len(more) >= parts or not re.fullmatch(r"[A-Za-z0-9_=,.%-]+", more[-1] if more else "none"):
            return False
        literal_path(path)
    return "  " not in text


def _binds(text: str) -> bool:
    """Return whether all words are a path, or two paths, and perhaps an option."""
    for word in filter(None, text.split(" ")):
        path, *more = word.removeprefix("-").split(":")
        if len(more) > 2 or more[1:] not in ([], ["rbind"], ["norbind"]):
            return False
        for one in (path, *more[:1]):
            literal_path(one)
    return "  " not in text


def _limit(text: str) -> bool:
    """Return whether a text is a resource limit, or a soft one and a hard one that is no smaller."""
    if not re.fullmatch(r"(infinity|[0-9]{1,18})(:(infinity|[0-9]{1,18}))?", text):
        return False
    numbers = [float("inf") if part == "infinity" else int(part) for part in text.split(":")]
    return numbers == sorted(numbers)


def _network(word: str) -> bool:
    if word in _NETWORKS:
        return True
    try:
        return "%" not in word and bool(ipaddress.ip_network(word, strict=False))
    except ValueError:
        return False


def _one_of(*words: str, boolean: bool = False) -> Directive:
    """Return a directive that takes one of some words, or yes and no."""
    wanted = [*(["yes", "no"] if boolean else []), *words]
    pattern = "|".join([*([_BOOLEAN] if boolean else []), *map(re.escape, words)])
    return Directive(_pattern(pattern), f"one of: {', '.join(wanted)}", boolean)


_YES_OR_NO = Directive(_pattern(_BOOLEAN), "yes or no", boolean=True)
_MEMORY = Directive(_pattern(f"infinity|{_BYTES}|{_SHARE}"), "a size as 500M or 2G, 50% or infinity", number=True)
_LIMIT = Directive(_limit, "a number, two as 1024:4096, the smaller one first, or infinity", number=True)
_WEIGHT = "a number from 1 to 10000"
_NETWORK = Directive(_words(_network), f"addresses or networks with spaces between them, or {', '.join(_NETWORKS)}")
_BIND = Directive(_binds, "paths with spaces between them, as /path or /path:/path/in/the/service", specifiers=True)
_OTHER = Directive(lambda text: True, "a text")  # of the spec, and not yet below

DIRECTIVES: Mapping[str, Directive] = {
    "CPUQuota": Directive(_pattern(r"(?=.*[1-9])\d{1,6}(?:\.\d{1,2})?%"), "a share of one processor as 50% or 200%"),
    "CPUWeight": Directive(_range(1, 10000, "idle"), f"{_WEIGHT}, or idle", number=True),
    "IOWeight": Directive(_range(1, 10000), _WEIGHT, number=True),
    "LimitNOFILE": _LIMIT,
    "LimitNPROC": _LIMIT,
    "MemoryHigh": _MEMORY,
    "MemoryMax": _MEMORY,
    "Nice": Directive(_range(-20, 19), "a number from -20 to 19", number=True),
    "OOMPolicy": _one_of("continue", "stop", "kill"),
    "OOMScoreAdjust": Directive(_range(-1000, 1000), "a number from -1000 to 1000", number=True),
    "Slice": Directive(_pattern(r"(?=.{7,255}$)[A-Za-z0-9:_.]+(?:-[A-Za-z0-9:_.]+)*\.slice"), "a slice as batch.slice"),
    "TasksMax": Directive(_pattern(rf"infinity|[1-9]\d{{0,8}}|{_SHARE}"), "a number, 50% or infinity", number=True),
    "BindPaths": _BIND,
    "BindReadOnlyPaths": _BIND,
    "CapabilityBoundingSet": Directive(_set(f"CAP_({_CAPABILITIES})"), "capabilities as CAP_KILL, or ~ and others"),
    "DevicePolicy": _one_of("auto", "closed", "strict"),
    "IPAddressAllow": _NETWORK,
    "IPAddressDeny": _NETWORK,
    "KeyringMode": _one_of("inherit", "private", "shared"),
    "LockPersonality": _YES_OR_NO,
    "MemoryDenyWriteExecute": _YES_OR_NO,
    "NoNewPrivileges": _YES_OR_NO,
    "PrivateDevices": _YES_OR_NO,
    "PrivateIPC": _YES_OR_NO,
    "PrivateMounts": _YES_OR_NO,
    "PrivateTmp": _one_of("disconnected", boolean=True),
    "PrivateUsers": _one_of("self", "identity", boolean=True),
    "ProcSubset": _one_of("all", "pid"),
    "ProtectClock": _YES_OR_NO,
    "ProtectControlGroups": _one_of("private", "strict", boolean=True),
    "ProtectHome": _one_of("read-only", "tmpfs", boolean=True),
    "ProtectHostname": _one_of("private", boolean=True),
    "ProtectKernelLogs": _YES_OR_NO,
    "ProtectKernelModules": _YES_OR_NO,
    "ProtectKernelTunables": _YES_OR_NO,
    "ProtectProc": _one_of("noaccess", "invisible", "ptraceable", "default"),
    "ProtectSystem": _one_of("full", "strict", boolean=True),
    "ReadWritePaths": Directive(
        lambda text: _paths(text, "-+"), "paths with spaces between them, as /srv/media", specifiers=True
    ),
    "RemoveIPC": _YES_OR_NO,
    "RestrictAddressFamilies": Directive(_set("none|AF_[A-Z0-9_]+"), "families as AF_INET AF_INET6"),
    "RestrictNamespaces": Directive(
        lambda text: re.fullmatch(_BOOLEAN, text) or _set("cgroup|ipc|net|mnt|pid|user|uts|time")(text),
        "yes, no or namespaces as user net",
        boolean=True,
    ),
    "RestrictRealtime": _YES_OR_NO,
    "RestrictSUIDSGID": _YES_OR_NO,
    "SupplementaryGroups": Directive(_words(_pattern(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]{1,9}")), "groups as redis video"),
    "SystemCallArchitectures": Directive(_words(_pattern("[a-z0-9-]+")), "architectures as native"),
    "SystemCallFilter": Directive(_set(r"[@a-z0-9_-]+(?::[A-Z0-9]+)?"), "system calls and groups as @system-service"),
    "TemporaryFileSystem": Directive(
        lambda text: _paths(text, "", parts=2), "paths with spaces between them, as /dev/shm:size=50%", specifiers=True
    ),
    "UMask": Directive(_pattern("[0-7]{3,4}"), "an octal number in quotes as '0027'"),
}
