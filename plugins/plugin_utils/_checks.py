# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the environments that a user wrote: every problem at once, each with its variable and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._environments import complete_environment
from ansible_collections.stalk.celery.plugins.plugin_utils._schema import environment_spec, validate
from ansible_collections.stalk.celery.plugins.plugin_utils._services import (
    BEAT_FLAGS,
    STANDARD_VARIABLES,
    WORKER_FLAGS,
    Service,
    services_of,
)

Environments = Mapping[str, Any]
Groups = Mapping[str, Sequence[str]]

_RESERVED = ("environments", "worker", "beat", "flower", "broker", "service")
_ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")  # useradd(8)
_UNIT_NAME = re.compile(r"[A-Za-z0-9:_.-]{1,247}\.service")  # systemd.unit(5): 255 characters in all
_ANY_UNIT_NAME = re.compile(r"[A-Za-z0-9:_.@\\-]+\.[a-z]+")
_PATH = re.compile(r"/[^\x00-\x20\x7f\"'\\*?:\[\]$]*")  # what EnvironmentFile= and BindReadOnlyPaths= take literally
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # systemd.exec(5) drops others
_LONGEST_VARIABLE = 128 * 1024 - 1  # execve(2): MAX_ARG_STRLEN, with the terminating NUL
_FLAGS_WITH_A_KEY = {
    **{f"--{key.replace('_', '-')}": key for key in (*WORKER_FLAGS, *BEAT_FLAGS, "queues", "app", "beat")},
    "-A": "app",
    "-B": "beat",
    "-c": "concurrency",
    "-l": "log_level",
    "-n": "node",
    "-P": "pool",
    "-Q": "queues",
    "-S": "scheduler",
    "--hostname": "node",
    "--loglevel": "log_level",
}
_FLAGS_OF_THE_UNIT = ("-D", "--detach", "--pidfile", "--uid", "--gid", "--workdir", "-s", "--schedule")
_PREFORK_ONLY = ("max_tasks_per_child", "max_memory_per_child", "soft_time_limit")
_POOLS_WITH_TIME_LIMIT = ("prefork", "gevent")
_POOLS_THAT_SCALE = ("prefork", "gevent", "eventlet")


def problems_of_names(names: Sequence[Any], groups: Groups) -> list[str]:
    """Check celery_environments itself."""
    if not names:
        return [
            "celery_environments is not set. Write the names of all environments into group_vars/all.yml: celery_environments: [live, uat]"
        ]
    found: list[str] = []
    for index, name in enumerate(names):
        path = f"celery_environments[{index}]"
        if not isinstance(name, str) or not _ENVIRONMENT_NAME.fullmatch(name):
            found.append(
                f"{path} is {name!r}, which cannot be an environment. Write a lower-case letter, then up to 30 of a-z, 0-9 and _."
            )
        elif name.startswith(tuple(f"{word}_" for word in _RESERVED)) or name in _RESERVED:
            found.append(
                f"{path} is {name}, but celery_{name} would be a variable of this collection. Choose another name."
            )
        elif name in names[:index]:
            found.append(f"{path} is {name} a second time. Remove it.")
        elif name not in groups:
            found.append(
                f"{path} is {name}, but the inventory has no group {name}. Add [{name}] with its hosts, or remove it from celery_environments."
            )
    return found


def problems_of_environments(environments: Environments, run: Sequence[str], groups: Groups, host: str) -> list[str]:
    """Check the environments of one host.

    :param environments: name -> the value of its celery_<name> variable, None when it has none; all environments whose groups the host is in.
    :param run: the environments that this run converges; the others count only where they collide with these.
    """
    found = {name: list(_problems_of_one(name, value, groups)) for name, value in environments.items()}
    sound = [complete_environment(name, value) for name, value in environments.items() if not found[name]]
    mine = [problem for name in run for problem in found[name]]
    return mine or list(_collisions(sound, run, host))


def _problems_of_one(name: str, value: Any, groups: Groups) -> Iterator[str]:
    path = f"celery_{name}"
    if value is None:
        yield f"{path} is not defined for this host. Write it into group_vars/{name}.yml, with at least: app, directory, virtualenv."
        return
    if not isinstance(value, Mapping):
        yield f"{path} is not a dict. Write it with at least the keys: app, directory, virtualenv."
        return
    spec = {key: option for key, option in environment_spec().items() if key != "name"}
    _converted, found = validate(value, spec, path)
    yield from found
    if not found:
        environment = complete_environment(name, value)
        yield from _problems_of_environment(path, environment)
        yield from _problems_of_services(path, environment, groups.get(name, []))


def _problems_of_environment(path: str, environment: Mapping[str, Any]) -> Iterator[str]:
    for key in ("user", "group"):
        if not _USER_NAME.fullmatch(environment[key]):
            yield f"{path}.{key} is {environment[key]!r}, which cannot be a {key} name. Write a letter, then up to 30 of a-z, 0-9, _ and -."
            return
    if environment["user"] == "root":
        yield f"{path}.user is root. Services of this collection run as a user of their own; leave the key out to get the user {environment['name']}."
    yield from _problems_of_keys(path, environment)
    names: list[str] = []
    for index, worker in enumerate(environment["workers"]):
        if worker["name"] in names:
            yield f"{path}.workers[{index}].name is {worker['name']}, as of an earlier worker. Give each worker its own name."
        names.append(worker["name"])
    if not environment["workers"]:
        yield f"{path}.workers is empty. Leave the key out to get one worker, or write the workers."


def _problems_of_keys(path: str, own: Mapping[str, Any]) -> Iterator[str]:
    """Check the keys that a user may write in the environment, in a worker and in beat."""
    for key in ("home", "directory", "virtualenv", "env_file"):
        yield from _problems_of_path(f"{path}.{key}", str(own.get(key) or "/"))
    for name, value in (own.get("environment") or {}).items():
        problem = _problem_of_variable(str(name), value)
        if problem:
            yield f"{path}.environment.{name} {problem}"
    for unit in own.get("after") or []:
        if not _ANY_UNIT_NAME.fullmatch(unit):
            yield f"{path}.after has {unit!r}, which is not a unit name. Write it with its suffix, for example redis-server.service"
    for name, value in (own.get("sandbox") or {}).items():
        if "\n" in str(value):
            yield f"{path}.sandbox.{name} has a line break. Write its values on one line."


def _problems_of_services(path: str, environment: Mapping[str, Any], members: Sequence[str]) -> Iterator[str]:
    for index, (own, worker) in enumerate(
        zip(environment["workers"], services_of(environment, ["worker"]), strict=True)
    ):
        yield from _problems_of_service(f"{path}.workers[{index}]", own, worker, members, "hosts")
        yield from _contradictions(f"{path}.workers[{index}]", worker)
    for beat in services_of(environment, ["beat"]):
        yield from _problems_of_service(f"{path}.beat", environment["beat"], beat, members, "host")


def _problems_of_service(
    path: str, own: Mapping[str, Any], service: Service, members: Sequence[str], hosts_key: str
) -> Iterator[str]:
    """Check a service; ``own`` is what the user wrote for it beside what it has from the environment, which is checked there."""
    yield from _problems_of_keys(path, own)
    if not _SERVICE_NAME.fullmatch(service["name"]):
        yield f"{path}.name is {service['name']!r}, which cannot be part of a unit name. Write letters, digits, _, . and - only."
    elif not _UNIT_NAME.fullmatch(service["unit"]):
        yield f"{path}.unit is {service['unit']!r}, which cannot be a unit name. Write letters, digits, :, _, . and -, then .service"
    for host in service["hosts"] or []:
        if host not in members:
            yield f"{path}.{hosts_key} names {host}, which is not in group {service['environment']}. Write one of: {', '.join(members)}."
    if service["hosts"] == []:
        yield f"{path}.{hosts_key} is empty: this worker would run nowhere. Leave the key out for all hosts, or write state: stopped."
    for option in service["options"]:
        flag = re.split("[= ]", option)[0]
        if flag in _FLAGS_WITH_A_KEY:
            yield f"{path}.options has {flag}, which the collection writes. Use the key {_FLAGS_WITH_A_KEY[flag]} instead."
        elif flag in _FLAGS_OF_THE_UNIT:
            yield f"{path}.options has {flag}. Remove it: systemd decides the user, the directories and the process of a service."


def _contradictions(path: str, worker: Service) -> Iterator[str]:
    pool = worker.get("pool")
    for queue in worker["queues"]:
        if not queue or re.search(r"[\s,]", queue):
            yield f"{path}.queues has {queue!r}, which cannot be a queue name. Write one name for each element of the list."
    if "autoscale" in worker:
        if not re.fullmatch(r"[0-9]+,[0-9]+", worker["autoscale"]):
            yield f'{path}.autoscale is {worker["autoscale"]!r}. Write the maximum and the minimum, for example "10,3".'
        if "concurrency" in worker:
            yield f"{path} has autoscale and concurrency. Keep one: autoscale varies what concurrency fixes."
        if pool and pool not in _POOLS_THAT_SCALE:
            yield f"{path}.autoscale does not work with pool {pool}. Remove it or use one of: {', '.join(_POOLS_THAT_SCALE)}."
    if "concurrency" in worker and worker["concurrency"] < 1:
        yield f"{path}.concurrency is {worker['concurrency']}. Write 1 or more, or leave it out for the number of processors."
    if "concurrency" in worker and pool == "solo" and worker["concurrency"] != 1:
        yield f"{path}.concurrency does not work with pool solo, which runs one task at a time. Remove it or use another pool."
    for key in _PREFORK_ONLY:
        if key in worker and pool not in (None, "prefork"):
            yield f"{path}.{key} works only with pool prefork, not with {pool}. Remove one of them."
    if "time_limit" in worker and pool and pool not in _POOLS_WITH_TIME_LIMIT:
        yield f"{path}.time_limit does not work with pool {pool}. Remove it or use one of: {', '.join(_POOLS_WITH_TIME_LIMIT)}."


def _problems_of_path(path: str, value: str) -> Iterator[str]:
    if not value.startswith("/"):
        yield f"{path} is {value!r}, which is not an absolute path. Write it from the root, for example /home/live/edc."
    elif not _PATH.fullmatch(value):
        yield f"{path} is {value!r}. systemd treats white space, quotes, \\, *, ?, :, [, ] and $ in a path specially; use a path without them."


def _problem_of_variable(name: str, value: Any) -> str | None:
    """Say what is wrong with an environment variable; never its value, which may be a secret."""
    if not _VARIABLE_NAME.fullmatch(name):
        return "cannot be the name of a variable: systemd drops it. Write letters, digits and _ only, not beginning with a digit."
    if name in STANDARD_VARIABLES:
        return "is written by the collection from the keys of the environment. Set app, virtualenv, log_level or a worker's keys instead."
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return 'is not a string. Write it in quotes, for example "1" or "true".'
    text = str(value)
    if "\0" in text:
        return "has a NUL character, which no environment variable can have. Encode the value, for example in base64."
    try:
        size = len(f"{name}={text}".encode())
    except UnicodeEncodeError:
        return "is not valid UTF-8: systemd would refuse the whole file. Encode the value, for example in base64."
    if size > _LONGEST_VARIABLE:
        return f"is {size} bytes long with its name, the kernel takes {_LONGEST_VARIABLE}. Put the value into a file and its path here."
    return None


def _collisions(environments: Sequence[Mapping[str, Any]], run: Sequence[str], host: str) -> Iterator[str]:
    for environment in environments:
        others = [
            other["name"] for other in environments if other is not environment and other["user"] == environment["user"]
        ]
        if others and environment["name"] in run and not environment["shared_user"]:
            yield (
                f"celery_{environment['name']}.user is {environment['user']}, as for {', '.join(others)} on this host: they could read and stop each other. "
                f"Give each its own user, or write shared_user: true in each."
            )
    services = [
        service for environment in environments for service in services_of(environment, ["worker", "beat"], host)
    ]
    keys: dict[str, Callable[[Service], Any]] = {
        "unit": lambda service: service["unit"],
        "env_file": lambda service: service["env_file"],
        "node": lambda service: (_broker(service), service["node"]) if service["kind"] == "worker" else None,
    }
    for key, value_of in keys.items():
        seen: dict[Any, Service] = {}
        for service in services:
            value = value_of(service)
            other = seen.setdefault(value, service)
            if value is not None and other is not service and {service["environment"], other["environment"]} & set(run):
                yield f"{_path(service)} and {_path(other)} have the same {key} on this host: {service[key]}. Set {key} in one of them."


def _broker(service: Service) -> str:
    """Return what tells brokers apart: nodes of one name collide only where they meet."""
    return service["variables"].get("CELERY_BROKER_URL") or service["environment"]


def _path(service: Service) -> str:
    return f"celery_{service['environment']}.{'beat' if service['kind'] == 'beat' else 'workers ' + service['name']}"
