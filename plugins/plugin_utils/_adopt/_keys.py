# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of Celery and the settings of a manager are called in an inventory of this collection."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats._time_span import seconds
from ansible_collections.stalk.celery.plugins.module_utils._plan._concurrency import scale
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._variables import STANDARD_VARIABLES

Pairs = Iterable[Sequence[str]]

_OPTIONS = {
    **{f"--{name.replace('_', '-')}": name for name in ("concurrency", "pool", "autoscale", "prefetch_multiplier")},
    **{f"--{name.replace('_', '-')}": name for name in ("max_tasks_per_child", "max_memory_per_child", "max_interval")},
    **{f"--{name.replace('_', '-')}": name for name in ("time_limit", "soft_time_limit", "address", "port")},
    "--hostname": "node",
    "--loglevel": "log_level",
    "--logfile": "log_file",
    "--queues": "queues",
    "--url-prefix": "url_prefix",
    "--scheduler": "scheduler",
}
_LEVELS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_SPOKEN_FOR = ("--pidfile", "--detach", "--uid", "--gid", "--app", "--no-color", "--quiet", "--beat", "--executable")
_NOT_TAKEN = ("--statedb", "--schedule", "--db", "--persistent", "--purge", "--skip-checks", "--umask")
_MANAGED = re.compile(  # what a unit of the collection does itself, or does not need
    r"Description|Documentation|Type|PIDFile|ExecStop|ExecReload|KillMode|RestartSec|StartLimit\w*|NotifyAccess|Sockets"
    r"|(?:Runtime|Logs|State|Cache|Configuration)Directory\w*|SyslogIdentifier|DefaultDependencies|GuessMainPID"
    r"|RemainAfterExit|SendSIGKILL|TimeoutStartSec|WatchdogSec|PermissionsStartOnly|SyslogFacility|LogLevelMax"
    r"|autorestart|startsecs|startretries|priority|redirect_stderr|std(?:out|err)_(?!logfile$)\w+|(?:stop|kill)asgroup"
    r"|exitcodes|serverurl"
)
_AS_HERE = {
    "Restart": ("always",),
    "KillSignal": ("SIGTERM", "TERM", "15"),
    "stopsignal": ("SIGTERM", "TERM", "15"),
    "StandardOutput": ("journal", "syslog", "inherit"),
    "StandardError": ("journal", "syslog", "inherit"),
    "stdout_logfile": ("AUTO", "NONE"),
    "stderr_logfile": ("AUTO", "NONE"),
}
_ALWAYS_THERE = re.compile(r"(?:network|network-online|basic|multi-user|syslog|remote-fs|local-fs|nss-lookup)\.target")
_COPIED = (
    *("SupplementaryGroups", "UMask", "ReadWritePaths", "BindPaths", "BindReadOnlyPaths", "CapabilityBoundingSet"),
    *("IPAddressAllow", "IPAddressDeny"),
)
_SYSTEM_PATH = tuple(f"{place}/{name}" for place in ("/usr/local", "/usr", "") for name in ("sbin", "bin"))
_ACCOUNT = re.compile(r"[A-Za-z0-9_.@-]+:")
_CONVENTIONS = ("CELERYD_", "CELERYBEAT_")
_OFF = ("no", "false", "off", "0", "n", "f")


class Secret(str):
    """A value that stands in a vault under the name ``reference``; what may be known of one that stayed on its host."""

    reference = ""
    account = ""  # how it begins, up to what is secret in it

    @property
    def parts(self) -> list[Secret]:
        """The values between commas, each an account and its password."""
        result = [Secret(part) for part in self.split(",")]
        for part in result:
            found = _ACCOUNT.match(part)
            part.account = found[0] if found else ""
        return result


@dataclass
class Translation:
    """Keys of a service, what of it goes to its beat, and the lines that have no key."""

    keys: dict[str, Any] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    has_beat: bool = False


def options(kind: str, pairs: Pairs, into: Translation) -> None:
    """Translate the options of Celery."""
    known = environment_spec()["workers" if kind == "worker" else kind]["options"]
    further = []
    for name, value in pairs:
        key = _OPTIONS.get(name, "")
        into.has_beat = into.has_beat or name == "--beat"
        if key == "queues":
            into.keys[key] = [queue.strip() for queue in value.split(",") if queue.strip()]
        elif key == "log_level":
            into.keys[key] = _LEVELS.get(value.upper(), value.upper())
        elif key == "autoscale" and scale(value):
            into.keys[key] = ",".join(map(str, scale(value)))
        elif key in known:
            into.keys[key] = _typed(known[key], value)
        elif key or name in _NOT_TAKEN:
            into.untold.append(_written(name, value))
        elif name not in _SPOKEN_FOR:
            further.append(_written(name, value))
    if further:
        into.keys["options"] = further


def _typed(option: Mapping[str, Any], value: str) -> Any:
    is_number = option["type"] == "int" and re.fullmatch("[0-9]{1,9}", value)
    return int(value) if is_number else value


def _written(name: str, value: str) -> str:
    """Return an option as one word."""
    return f"{name}={value}" if value and name.startswith("--") else name + value


def settings(pairs: Pairs, into: Translation) -> None:
    """Translate what systemd, Supervisor or a script is told."""
    spec = environment_spec()
    limits, sandbox = spec["limits"]["options"], spec["sandbox"]["options"]
    for key, value in pairs:
        if _MANAGED.fullmatch(key) or value in _AS_HERE.get(key, ()):
            continue
        if key in ("TimeoutStopSec", "TimeoutSec", "stopwaitsecs"):
            _timeout(key, value, into)
        elif key in limits:
            into.keys.setdefault("limits", {})[key] = value
        elif key in sandbox or key == "umask":
            _sandbox({"umask": "UMask"}.get(key, key), value, into)
        elif key in ("After", "Wants", "Requires"):
            _others(key, value, into)
        else:
            into.untold.append(f"{key}={value}" if key else value)


def _timeout(key: str, value: str, into: Translation) -> None:
    span = seconds(value)
    if span is None or span == math.inf:
        into.untold.append(f"{key}={value}")
    else:
        into.keys["stop_timeout"] = int(span)


def _sandbox(key: str, value: str, into: Translation) -> None:
    """Keep what opens the sandbox; what closes a part of it that is closed anyway says nothing new."""
    own = into.keys.setdefault("sandbox", {})
    if key in _COPIED:
        own[key] = f"{own[key]} {value}" if key in own else value
    elif value.lower() in _OFF:
        own[key] = "no"
    if not own:
        del into.keys["sandbox"]


def _others(key: str, value: str, into: Translation) -> None:
    units = [unit for unit in value.split() if not _ALWAYS_THERE.fullmatch(unit)]
    own = {"After": "after", "Requires": "requires"}.get(key)
    if own and units:
        into.keys[own] = list(dict.fromkeys([*into.keys.get(own, []), *units]))
    elif units:
        into.untold.append(f"{key}={' '.join(units)}")


def variables(kind: str, found: Mapping[str, Any], virtualenv: str, into: Translation) -> dict[str, Any]:
    """Return the variables that the inventory has to have; those of Flower's options become its keys."""
    result = {}
    for name, value in found.items():
        key = name.removeprefix("FLOWER_").lower()
        if kind == "flower" and name.startswith("FLOWER_") and name in STANDARD_VARIABLES:
            _of_flower(key, value, into)
        elif name == "PATH":
            if set(value.split(":")) - {f"{virtualenv}/bin", *_SYSTEM_PATH}:
                result[name] = value
        elif not name.startswith(_CONVENTIONS) and name not in STANDARD_VARIABLES | {"VIRTUAL_ENV"}:
            result[name] = value
    return result


def _of_flower(key: str, value: Any, into: Translation) -> None:
    spec = environment_spec()["flower"]["options"]
    if key == "basic_auth":
        into.keys[key] = value.parts if isinstance(value, Secret) else value.split(",")
    elif key in spec:
        into.keys[key] = _typed(spec[key], value)
