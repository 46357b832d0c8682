# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be left behind when a host stops working for environments."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._environments import complete_environment
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import services_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._reports import inspected_of
from jinja2 import UndefinedError

_RUNS = ("active", "activating", "reloading")
_DEFAULT_QUEUE = "celery"
_ADVICE = "Wait until they are done, or say 'celery_remove_force: true'; what is in the broker stays there."


def left_behind(
    services: Sequence[Mapping[str, Any]],
    inspected: Mapping[str, Any],
    leaving: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    force: bool = False,
) -> list[str]:
    """Return why a host must not stop working for the environments of its services.

    :param services: the services that are to be removed, as the module service_facts describes them.
    :param inspected: what the module worker_info returned on the host.
    :param leaving: the hosts of the run, which all stop working for these environments.
    :param groups: the inventory's groups and their hosts.
    :param hostvars: the variables of all hosts.
    :param force: whether tasks may stay in queues that nobody consumes.
    """
    inspected = inspected_of(inspected)
    problems = (
        problem
        for name in dict.fromkeys(service["environment"] for service in services)
        for own in [[service for service in services if service["environment"] == name]]
        for staying in [[host for host in groups.get(name, []) if host not in leaving]]
        for environment in [_environment(name, staying, hostvars)]
        for problem in (
            *_beat(name, own, staying, environment),
            *(() if force else _queues(name, own, inspected, _consumed(environment, staying))),
        )
    )
    return [*dict.fromkeys(problems)]


def _environment(name: str, staying: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the inventory says of an environment, nothing where no host remains or it cannot be read."""
    try:
        value = hostvars[staying[0]].get(f"celery_{name}") if staying else None
        return complete_environment(name, value) if value else {}
    except (AnsibleError, UndefinedError):
        return {}


def _beat(
    name: str, services: Sequence[Mapping[str, Any]], staying: Sequence[str], environment: Mapping[str, Any]
) -> Iterator[str]:
    beat = environment.get("beat") or {}
    runs_here = any(service["kind"] == "beat" and service["state"] in _RUNS for service in services)
    if runs_here and staying and not {*beat.get("hosts", [])} & {*staying}:
        move = "run" if beat.get("host") in staying else f"set beat.host of celery_{name} to one of them and run"
        yield (
            f"beat of {name} runs here, and {', '.join(staying)} would go on without one: {move} site.yml first, "
            "which moves it."
        )


def _consumed(environment: Mapping[str, Any], staying: Sequence[str]) -> set[str]:
    """Return the queues that the hosts that stay consume, with an empty name for those that are the application's."""
    workers = [worker for host in staying if environment for worker in services_of(environment, ["worker"], host)]
    started = [worker for worker in workers if worker["state"] == "started"]
    return {queue for worker in started for queue in worker["queues"] or [""]}


def _queues(
    name: str, services: Sequence[Mapping[str, Any]], inspected: Mapping[str, Any], consumed: Container[str]
) -> Iterator[str]:
    answers = {worker["unit"]: worker for worker in inspected["workers"] if worker.get("answers")}
    lengths = inspected["queues"].get(name, {})
    for worker in services:
        answer = answers.get(worker["unit"], {})
        alone = _alone(worker, answer, lengths, consumed) if worker["kind"] == "worker" else []
        unknown = [queue for queue in alone if lengths.get(queue) is None]
        held = (answer.get("reserved") or 0) + (answer.get("scheduled") or 0)
        for queue in alone:
            if lengths.get(queue):
                tasks = f"{lengths[queue]} tasks" if lengths[queue] > 1 else "a task"
                yield f"the queue {queue} of {name} has {tasks}, and no other host consumes it. {_ADVICE}"
        if alone and held:
            yield f"{name}/{worker['name']} holds {held} tasks that no other host would take over. {_ADVICE}"
        if unknown:
            reasons = "".join(f" ({problem})" for problem in inspected["problems"])
            yield f"the broker did not say how many tasks wait in {', '.join(unknown)} of {name}{reasons}. {_ADVICE}"


def _alone(
    worker: Mapping[str, Any], answer: Mapping[str, Any], measured: Iterable[str], consumed: Container[str]
) -> list[str]:
    """Return the queues of a worker that no host consumes that stays.

    Which ones the application has by default, only a worker that answers can say: otherwise all that were measured.
    """
    if not worker["queues"] and "" in consumed:
        return []
    queues = worker["queues"] or answer.get("queues") or [*measured] or [_DEFAULT_QUEUE]
    return [queue for queue in queues if queue not in consumed]
