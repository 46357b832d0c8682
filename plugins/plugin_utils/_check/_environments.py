# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the environments of a host: every problem at once, each with its variable and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.plugin_utils._check._accounts import problems_of_names
from ansible_collections.stalk.celery.plugins.plugin_utils._check._brokers import shared_brokers
from ansible_collections.stalk.celery.plugins.plugin_utils._check._collisions import collisions, path_of
from ansible_collections.stalk.celery.plugins.plugin_utils._check._keys import problems_of_keys
from ansible_collections.stalk.celery.plugins.plugin_utils._check._packages import problems_of_packages
from ansible_collections.stalk.celery.plugins.plugin_utils._check._paths import problem_of_log_file
from ansible_collections.stalk.celery.plugins.plugin_utils._check._realms import problems_of_urls
from ansible_collections.stalk.celery.plugins.plugin_utils._check._service import problems_of_service
from ansible_collections.stalk.celery.plugins.plugin_utils._check._units import problem_of_unit
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._environments import complete_environment
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec, validate
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._types import read
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import alike, services_of

_OF_ONE = ("unit", "env_file", "node")
_AT_LEAST = "with at least: app, directory, virtualenv."


def problems_of_environments(
    names: Sequence[str],
    environments: Mapping[str, Any],
    run: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    host: str,
    hostvars: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return the problems of the environments of a run.

    :param names: all environments of the inventory.
    :param environments: name -> the value of its celery_<name> variable, None when it has none; all environments whose
        groups the host is in.
    :param run: the environments that this run converges; the others count only where they collide with these.
    """
    own = hostvars.get(host)
    found = {name: list(_problems_of_variable(name, environments, groups.get(name, []), own)) for name in environments}
    sound = {name: complete_environment(name, environments[name]) for name in environments if not found[name]}
    elsewhere = {name: groups[name][0] for name in names if name not in environments and groups[name]}
    return [problem for name in run for problem in found[name]] or [
        *_units(sound, run, names),
        *shared_brokers(sound, run, host, elsewhere, hostvars),
        *collisions(list(sound.values()), run, host),
    ]


def _problems_of_variable(
    name: str, environments: Mapping[str, Any], members: Sequence[str], own: Mapping[str, Any] | None
) -> Sequence[str]:
    """Return what is wrong with the variable of an environment, which may have no value."""
    value, problem = read(environments, name)
    if problem:
        return [f"celery_{name} {problem}"]
    return _of_the_play(name, value, own) or list(_problems_of_one(name, value, members))


def _of_the_play(name: str, value: Any, own: Mapping[str, Any] | None) -> list[str]:
    """Return that a variable is not one of the host, where other hosts and playbooks would see it.

    :param own: the variables of the host, None where they are not known.
    """
    if value is None or own is None or f"celery_{name}" in own:
        return []
    return [
        f"celery_{name} is a variable of the play; write it into group_vars/{name}.yml, "
        "where all hosts and playbooks see it."
    ]


def _units(sound: Mapping[str, Mapping[str, Any]], run: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield which services of a run have units that are not theirs."""
    for service in (service for name in run for service in services_of(sound[name])):
        problem = problem_of_unit(service["unit"], service["environment"], names)
        if problem:
            yield f"{path_of(service)}.unit {problem}"


def _problems_of_one(name: str, value: Any, members: Sequence[str]) -> Iterator[str]:
    path = f"celery_{name}"
    if value is None:
        yield f"{path} is not defined for this host. Write it into group_vars/{name}.yml, {_AT_LEAST}"
        return
    if not isinstance(value, Mapping):
        yield f"{path} is not a dict. Write it {_AT_LEAST}"
        return
    spec = {key: option for key, option in environment_spec().items() if key != "name"}
    _converted, found = validate(value, spec, path)
    yield from found or _problems_of_sound(path, complete_environment(name, value), members)


def _problems_of_sound(path: str, environment: Mapping[str, Any], members: Sequence[str]) -> Iterator[str]:
    """Check an environment whose keys and types are right."""
    names = list(problems_of_names(path, environment))
    if names:
        yield from names
        return
    yield from problems_of_keys(path, environment)
    yield from problems_of_packages(path, environment)
    yield from _log_files(path, environment)
    yield from problems_of_urls(path, environment)
    yield from dict.fromkeys(_problems_of_workers(path, environment, members))
    for service in services_of(environment, [kind.name for kind in KINDS.values() if kind.is_one]):
        key = KINDS[service["kind"]].key
        yield from problems_of_service(f"{path}.{key}", environment[key], service, members)


def _log_files(path: str, environment: Mapping[str, Any]) -> Iterator[str]:
    """Check the log file of the environment for its workers, and for beat, unless that has its own."""
    log_file, beat = environment.get("log_file"), environment.get("beat")
    if not log_file:
        return
    problem = problem_of_log_file(log_file, environment["name"], "worker")
    if not problem and beat and not beat.get("log_file"):
        problem = problem_of_log_file(log_file, environment["name"], "beat")
    if problem:
        yield f"{path}.log_file {problem}"


def _of_each(path: str, own: Mapping[str, Any]) -> Iterator[str]:
    """Yield what several workers of one entry cannot have in common."""
    for key in _OF_ONE:
        if own.get(key) is not None:
            yield f"{path} has count and {key}, which each worker has to itself. Remove {key}, or write each worker."


def _problems_of_workers(path: str, environment: Mapping[str, Any], members: Sequence[str]) -> Iterator[str]:
    workers = services_of(environment, ("worker",))
    if not workers:
        yield f"{path}.workers is empty. Leave the key out to get one worker, or write the workers."
    names = [worker["name"] for worker in workers]
    written = [(index, own) for index, own in enumerate(environment["workers"]) for _one in alike(own)]
    for position, ((index, own), worker) in enumerate(zip(written, workers, strict=True)):
        if own.get("count") is not None:
            yield from _of_each(f"{path}.workers[{index}]", own)
        if worker["name"] in names[:position]:
            name = worker["name"]
            yield f"{path}.workers[{index}].name is {name}, as of an earlier worker. Give each worker its own name."
        others = [other["unit"] for other in workers if other is not worker]
        whole = worker.get("part_of")
        if whole and whole not in others:
            allowed = ", ".join(others) or "none"
            yield f"{path}.workers[{index}].part_of is {whole}. Write the unit of another worker, of: {allowed}."
        yield from problems_of_service(f"{path}.workers[{index}]", own, worker, members)
