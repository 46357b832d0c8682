# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check one service: its names, its hosts, its options and whether they contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._check._flower import problems_of_flower
from ansible_collections.stalk.celery.plugins.plugin_utils._check._keys import problems_of_keys
from ansible_collections.stalk.celery.plugins.plugin_utils._check._paths import problem_of_env_file, problem_of_log_file
from ansible_collections.stalk.celery.plugins.plugin_utils._check._units import is_passed_over
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import Service
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._variables import (
    BEAT_FLAGS,
    FLOWER_FLAGS,
    FLOWER_VARIABLES,
    SOFT_SHUTDOWN_MARGIN,
    WORKER_FLAGS,
)

_SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_UNIT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.-]{0,245}\.service")  # systemd.unit(5): 255 characters in all
_KEYS = (*WORKER_FLAGS, *BEAT_FLAGS, *FLOWER_FLAGS, *FLOWER_VARIABLES, "queues", "app", "beat")
_FLAGS_WITH_A_KEY = {
    **{f"--{key.replace('_', '-')}": key for key in _KEYS},
    "-A": "app",
    "-B": "beat",
    "-c": "concurrency",
    "-P": "pool",
    "-Q": "queues",
    "-S": "scheduler",
    "--hostname": "node",
    "-n": "node",
    "--loglevel": "log_level",
    "-l": "log_level",
    "--logging": "log_level",
    "--unix-socket": "address",
}
_FLAGS_OF_THE_UNIT = ("-D", "--detach", "--pidfile", "--uid", "--gid", "--workdir", "-s", "--schedule", "--db")
_LETTERS_WITHOUT_VALUE = "BDE"
_PREFORK_ONLY = ("max_tasks_per_child", "max_memory_per_child", "soft_time_limit")
_LOCKING_SCHEDULERS = ("redbeat.", "redbeat:")
_POOLS_WITH_TIME_LIMIT = ("prefork", "gevent")
_POOLS_THAT_SCALE = ("prefork", "gevent", "eventlet")
_PROGRAM_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_CUSTOM_POOL = "CELERY_CUSTOM_WORKER_POOL"


def problems_of_service(path: str, own: Mapping[str, Any], service: Service, members: Sequence[str]) -> Iterator[str]:
    """Check a service.

    :param path: its name for messages, as ``celery_live.workers[0]``.
    :param own: what the user wrote for it, beside what it has from its environment.
    :param service: the complete service.
    :param members: the hosts of the environment's group.
    """
    yield from problems_of_keys(path, own)
    yield from _names(path, service)
    yield from _files(path, own, service)
    yield from _hosts(path, own, service, members)
    yield from _options(path, service)
    yield from _command(path, service)
    if service["kind"] == "flower":
        yield from problems_of_flower(path, service)
    if service["kind"] == "beat":
        yield from _one_beat(path, own, service)
    if service["kind"] == "worker":
        yield from _queues(path, service)
        yield from _concurrency(path, service)
        yield from _custom_pool(path, service)
        yield from _limits(path, service)
        yield from _soft_stop(path, service)


def _names(path: str, service: Service) -> Iterator[str]:
    if not _SERVICE_NAME.fullmatch(service["name"]):
        yield f"{path}.name is {service['name']!r}, which cannot be part of a unit. Write letters, digits, _, ., -."
    elif not _UNIT_NAME.fullmatch(service["unit"]):
        yield (
            f"{path}.unit is {service['unit']!r}, which cannot be a unit name. "
            "Write letters, digits, :, _, . and -, then .service"
        )


def _files(path: str, own: Mapping[str, Any], service: Service) -> Iterator[str]:
    problem = problem_of_env_file(service["env_file"], service["unit"])
    if problem:
        yield f"{path}.env_file {problem}"
    log_file = own.get("log_file") or ""
    problem = problem_of_log_file(log_file, service["environment"], service["kind"]) if log_file else None
    if problem:
        yield f"{path}.log_file {problem}"
    if own.get("logrotate") and "log_file" not in service:
        yield f"{path}.logrotate has no log_file to rotate: the log is in the journal. Write log_file, or leave it out."
    if "log_file" in service and is_passed_over(service["stem"]):
        yield f"{path} has the unit {service['unit']}, and logrotate passes over files of such a name. Choose another."


def _hosts(path: str, own: Mapping[str, Any], service: Service, members: Sequence[str]) -> Iterator[str]:
    key = "host" if "host" in own else "hosts"
    for host in service["hosts"] or []:
        if host not in members or "\\" in host:
            group = service["environment"]
            yield f"{path}.{key} names {host}, which is not in group {group}. Write one of: {', '.join(members)}."
    if service["hosts"] == []:
        yield f"{path}.{key} is empty: it would run nowhere. Leave the key out for all hosts, or write state: stopped."


def _one_beat(path: str, own: Mapping[str, Any], beat: Service) -> Iterator[str]:
    host, hosts = own.get("host"), own.get("hosts") or []
    if not host and not hosts:
        yield f"{path}.host is missing: the one host of the environment's group that runs beat."
    elif host and hosts:
        yield f"{path} has host and hosts. Write one of them."
    elif len(hosts) > 1 and not beat.get("scheduler", "").startswith(_LOCKING_SCHEDULERS):
        yield (
            f"{path}.hosts names {len(hosts)} hosts, and each would send every task: the scheduler takes no lock. "
            "Write host, with one of them, or scheduler: redbeat.RedBeatScheduler."
        )


def _options(path: str, service: Service) -> Iterator[str]:
    for index, option in enumerate(service["options"]):
        if not option:
            yield f"{path}.options[{index}] is empty. Write an option of Celery, or remove it."
        for flag in _flags(service["kind"], option):
            if flag in _FLAGS_WITH_A_KEY:
                yield f"{path}.options has {flag}, which has a key. Write {_FLAGS_WITH_A_KEY[flag]} instead."
            elif flag in _FLAGS_OF_THE_UNIT:
                yield f"{path}.options has {flag}. Remove it: systemd decides on user, directories and processes."


def _command(path: str, service: Service) -> Iterator[str]:
    words = service.get("command")
    if words is None:
        return
    if not words:
        yield f"{path}.command is empty. Write the words that run celery, or leave it out."
    elif not words[0].startswith("/") and not _PROGRAM_NAME.fullmatch(words[0]):
        yield f"{path}.command[0] is {words[0]!r}. Write an absolute path, or the name of a program of virtualenv."
    elif "=" in words[0]:
        yield f"{path}.command[0] is {words[0]!r}, which env(1) would take for a variable. Use a path without =."
    if service["type"] == "forking":
        yield f"{path}.command does not work with type: forking: celery multi starts the worker. Use type: notify."


def _flags(kind: str, option: str) -> list[str]:
    """Return the flags in a word. Several of one letter can be in one, and so can the value of the last: -Ec4."""
    flag = re.split("[= ]", option)[0]
    if kind == "flower":  # which takes its options with one hyphen too, and _ for - within
        return [f"--{flag.lstrip('-').replace('_', '-')}"]
    letters = re.fullmatch(r"-([A-Za-z].*)", flag)
    if not letters:
        return [flag]
    alone = re.match(f"[{_LETTERS_WITHOUT_VALUE}]*", letters[1])
    return [f"-{letter}" for letter in letters[1][: (alone.end() if alone else 0) + 1]]


def _queues(path: str, worker: Service) -> Iterator[str]:
    for queue in worker["queues"]:
        if not queue or re.search(r"[\s,]", queue):
            yield f"{path}.queues has {queue!r}, which cannot be a queue. Write one name for each element of the list."


def _concurrency(path: str, worker: Service) -> Iterator[str]:
    pool, concurrency, autoscale = (worker.get(key) for key in ("pool", "concurrency", "autoscale"))
    if concurrency is not None and concurrency < 1:
        yield f"{path}.concurrency is {concurrency}. Write 1 or more, or leave it out for the number of processors."
    elif concurrency is not None and concurrency > 1 and pool == "solo":
        yield f"{path}.concurrency does not work with pool solo, which runs one task at a time. Remove one of them."
    if autoscale is None:
        return
    if not re.fullmatch(r"[0-9]{1,5},[0-9]{1,5}", autoscale) or not re.search("[1-9]", autoscale):
        yield f'{path}.autoscale is {autoscale!r}. Write the maximum and the minimum, for example "10,3".'
    if concurrency is not None:
        yield f"{path} has autoscale and concurrency. Keep one: autoscale varies what concurrency fixes."
    if pool and pool not in (*_POOLS_THAT_SCALE, "processes", "custom"):
        allowed = ", ".join(_POOLS_THAT_SCALE)
        yield f"{path}.autoscale does not work with pool {pool}. Remove it or use one of: {allowed}."


def _custom_pool(path: str, worker: Service) -> Iterator[str]:
    if worker.get("pool") != "custom" or worker["env_files"]:
        return
    named = worker["variables"].get(_CUSTOM_POOL, "")
    if not re.fullmatch(r"[\w.]+[:.]\w+", named):
        wrong = "names no class" if named else "is missing, which names the class of pool custom"
        yield f"{path}.environment.{_CUSTOM_POOL} {wrong}. Write for example celery_aio_pool.pool:AsyncIOPool."


def _limits(path: str, worker: Service) -> Iterator[str]:
    pool = worker.get("pool", "prefork")
    if pool in ("processes", "custom"):
        return
    for key in _PREFORK_ONLY:
        if key in worker and pool != "prefork":
            yield f"{path}.{key} works only with pool prefork, not with {pool}. Remove one of them."
    if "time_limit" in worker and pool not in _POOLS_WITH_TIME_LIMIT:
        allowed = ", ".join(_POOLS_WITH_TIME_LIMIT)
        yield f"{path}.time_limit does not work with pool {pool}. Remove it or use one of: {allowed}."


def _soft_stop(path: str, worker: Service) -> Iterator[str]:
    if worker["stop"] != "soft":
        return
    if worker["type"] == "forking":
        yield f"{path}.stop: soft does not work with type: forking, where celery multi waits. Use type: notify."
    if worker["stop_timeout"] <= SOFT_SHUTDOWN_MARGIN:
        margin = SOFT_SHUTDOWN_MARGIN
        yield f"{path}.stop: soft ends {margin} seconds before stop_timeout is over. Write a longer one."
