# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a service's environment file: Celery's standard ones, then the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import split_word
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS

WORKER_FLAGS = (
    "pool",
    "concurrency",
    "autoscale",
    "prefetch_multiplier",
    "max_tasks_per_child",
    "max_memory_per_child",
    "time_limit",
    "soft_time_limit",
)
BEAT_FLAGS = ("scheduler", "max_interval")
FLOWER_FLAGS = ("address", "port", "url_prefix")
FLOWER_VARIABLES = ("basic_auth", "auth", "auth_provider", "oauth2_key", "oauth2_secret", "oauth2_redirect_uri")
_COMMON = ("BIN", "COMMAND", "APP")
_WORKER = ("NODES", "OPTS", "LOG_LEVEL", "LOG_FILE", "PID_FILE")
_BEAT = ("OPTS", "LOG_LEVEL", "LOG_FILE")
_FLOWER = ("OPTS", "LOG_LEVEL", "LOGGING", "DB", "PERSISTENT", *map(str.upper, (*FLOWER_FLAGS, *FLOWER_VARIABLES)))
STANDARD_VARIABLES = frozenset(
    (
        *(f"CELERY_{name}" for name in _COMMON),
        *(f"CELERYD_{name}" for name in _WORKER),
        *(f"CELERYBEAT_{name}" for name in _BEAT),
        *(f"FLOWER_{name}" for name in _FLOWER),
    )
)
_PATH_OF_SYSTEMD = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SOFT_SHUTDOWN_MARGIN = 10  # seconds between the end of a soft shutdown and the kill


def variables_of(kind: str, service: Mapping[str, Any], library: str, state: str) -> dict[str, str]:
    """Return the variables of a service.

    :param kind: ``worker``, ``beat`` or ``flower``.
    :param service: its keys, complete.
    :param library: the directory of the module that tells systemd when it is ready.
    :param state: the directory for what beat and Flower keep.
    """
    own = {key: str(value) for key, value in service["environment"].items()}
    standard = {**_activated(service["virtualenv"]), "CELERY_COMMAND": _command(service), "CELERY_APP": service["app"]}
    if kind == "worker":
        named = {"NODES": service["node"], "OPTS": _worker_options(service), **_log(service)}
        if service["type"] == "forking":
            named["PID_FILE"] = f"{state}/{service['stem']}.pid"
        if service["stop"] == "soft":
            standard["REMAP_SIGTERM"] = "SIGQUIT"
    elif kind == "beat":
        options = _options(service, BEAT_FLAGS, schedule=f"{state}/schedule", pidfile="")
        named = {"OPTS": options, **_log(service)}
    else:
        options = _options(service, FLOWER_FLAGS, db=f"{state}/flower", persistent="true")
        named = {"OPTS": options, **_log(service), **_access(service)}
    standard.update({f"{KINDS[kind].prefix}_{name}": value for name, value in named.items()})
    if service["type"] == "notify":
        standard["PYTHONPATH"] = ":".join(filter(None, (library, own.pop("PYTHONPATH", ""))))
    return {**standard, **own}


def _activated(virtualenv: str) -> dict[str, str]:
    """Return what a shell in which the virtual environment is activated has."""
    programs = f"{virtualenv}/bin"
    return {"PATH": f"{programs}:{_PATH_OF_SYSTEMD}", "VIRTUAL_ENV": virtualenv, "CELERY_BIN": f"{programs}/celery"}


def _command(service: Mapping[str, Any]) -> str:
    """Return the words that run celery; a name without a directory is that of a program of the virtual environment."""
    first, *others = service.get("command") or ["celery"]
    program = first if first.startswith("/") else f"{service['virtualenv']}/bin/{first}"
    return " ".join(map(split_word, [program, *others]))


def _log(service: Mapping[str, Any]) -> dict[str, str]:
    level = {"LOG_LEVEL": service["log_level"]}
    return {**level, "LOG_FILE": service["log_file"]} if "log_file" in service else level


def _access(flower: Mapping[str, Any]) -> dict[str, str]:
    """Return who may use Flower. These are secrets: they are in no command line."""
    given = {key: flower[key] for key in FLOWER_VARIABLES if key in flower}
    return {key.upper(): value if isinstance(value, str) else ",".join(value) for key, value in given.items()}


def _worker_options(service: Mapping[str, Any]) -> str:
    options = _options(service, WORKER_FLAGS, queues=",".join(service["queues"]) or None)
    if service["stop"] == "soft":
        options += f" worker.soft_shutdown_timeout={service['stop_timeout'] - SOFT_SHUTDOWN_MARGIN}"
    return options


def _options(service: Mapping[str, Any], flags: Iterable[str], **more: str | None) -> str:
    values = {**more, **{flag: service.get(flag) for flag in flags}}
    words = [f"--{flag.replace('_', '-')}={value}" for flag, value in values.items() if value is not None]
    return " ".join(split_word(word) for word in [*words, *service["options"]])
