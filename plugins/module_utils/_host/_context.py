# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the program _ask in the contexts of services: as their user, in their directory, with their variables."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers, _time_span
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import assignments, without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._host import _ask, _bounded, _interpreter
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd
from ansible_collections.stalk.celery.plugins.module_utils._plan import _answers
from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._owned import Owned

Request = Dict[str, Any]
Answer = Dict[str, Any]

_LOADER = (
    "import json, os, sys; document = json.load(sys.stdin); names = {'__name__': 'stalk_celery_ask'}; "
    "os.environ.update({**document['environ'], **os.environ}); "
    "exec(compile(document['program'], 'stalk.celery', 'exec'), names); names['main'](document['request'])"
)
_OWN_VARIABLES = tuple(f"{kind.prefix}_" for kind in KINDS.values())
_OF_THE_INTERPRETER = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH")
_START = 20  # seconds that systemd, the interpreter and the end of the program may take beside the request itself


@dataclass(frozen=True, eq=False)
class Context:
    """Services that see the same application, user, directory and variables: one of them can be asked for all."""

    services: tuple[Owned, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.services))

    @property
    def service(self) -> Owned:
        return self.services[0]

    @property
    def options(self) -> list[str]:
        """What makes a transient unit see what the services see."""
        return [
            *surroundings(self.service),
            *(f"--setenv={name}={value}" for name, value in self.environ.items() if name in _OF_THE_INTERPRETER),
            "--property=Environment=PYTHONDONTWRITEBYTECODE=1",
            "--property=TimeoutStopSec=5",
        ]

    @property
    def python(self) -> str:
        """The interpreter of the services."""
        return _interpreter.interpreter(self.service.virtualenv)

    @property
    def environ(self) -> dict[str, str]:
        """What units and drop-ins set themselves, which environment files overrule; none of it is an argument."""
        return assignments(self.service.unit["Environment"])

    @property
    def import_timeout(self) -> float:
        """Seconds that importing the application may take."""
        return max(_time_span.of_import(service.unit["TimeoutStartUSec"], _ask.IMPORT) for service in self.services)


def surroundings(service: Owned) -> list[str]:
    """Return what makes a transient unit run beside ``service``, with its variables but those of ``Environment=``."""
    groups = " ".join(service.supplementary_groups)
    return [
        f"--uid={service.user}",
        f"--gid={service.group}",
        f"--working-directory={service.directory}",
        *([f"--property=SupplementaryGroups={groups}"] if groups else []),
        *(f"--property=EnvironmentFile={path}" for path in service.env_files),
    ]


def contexts(services: Sequence[Owned]) -> list[Context]:
    """``services`` by what they see."""
    groups: dict[tuple[Any, ...], list[Owned]] = {}
    for service in services:
        variables = {key: value for key, value in service.variables.items() if not key.startswith(_OWN_VARIABLES)}
        key = (
            service.environment,
            service.user,
            service.group,
            service.supplementary_groups,
            service.directory,
            tuple(sorted(variables.items())),
        )
        groups.setdefault(key, []).append(service)
    return [Context(tuple(group)) for group in groups.values()]


def ask(systemd: Systemd, requests: Mapping[Context, Request], timeout: float) -> dict[Context, Answer]:
    """Return the answers to all ``requests``, all at the same time.

    Each may take ``timeout`` seconds when its application has been imported, for which it has as long as in a trial.
    An answer without ``error`` is what _ask says. Neither ``error`` nor ``failure`` shows a secret.
    """
    if not requests:
        return {}
    loader: Any = _ask.__loader__
    program = loader.get_source(_ask.__name__)

    def complete(context: Context) -> Request:
        excluded = {service.node: service.excluded_queues for service in context.services}
        own = {"app": context.service.app, "timeout": timeout, "import_timeout": context.import_timeout}
        return {**requests[context], **own, "excluded": excluded}

    def run(context: Context, python: str, request: Request) -> Answer:
        answer = _run(systemd, context, python, request, program)
        shown = {key: _shown(answer[key], context.service.variables) for key in {"error", "failure"} & answer.keys()}
        return {**answer, **shown}

    # To find an interpreter, the whole process acts as the environment's user: no thread may start a command meanwhile.
    pythons = [context.python for context in requests]
    whole = [complete(context) for context in requests]
    with ThreadPoolExecutor(max_workers=len(requests)) as pool:
        return dict(zip(requests, pool.map(run, requests, pythons, whole)))


def others(answers: Mapping[Context, Answer]) -> list[Answer]:
    """Return the nodes that consume the queues of the services, and are none of them, as plain data."""
    return [
        {"environment": context.service.environment, "node": node, "queues": queues}
        for context, answer in answers.items()
        for node, queues in answer.get("others", {}).items()
    ]


def _run(systemd: Systemd, context: Context, python: str, request: Request, program: str) -> Answer:
    seconds = request["import_timeout"] + request["timeout"] + _START
    document = json.dumps({"program": program, "request": request, "environ": context.environ})
    try:
        # No argument is a secret.
        said = systemd.run(seconds, context.options, [python, "-c", _LOADER], document)
    except OSError as error:
        return {"error": f"systemd-run failed: {error}"}
    if said.fault == _bounded.LATE:
        return {"error": f"the application does not answer within {seconds:g} s."}
    if said.fault:
        return {"error": f"{python} answers with more than {_bounded.ANSWER >> 20} MiB, or writes without end."}
    try:
        return _answers.read(said.output, request)
    except _strangers.ShapeError as error:
        if said.code or not said.output:
            return {"error": f"{python} ended with {said.code}:\n{said.errors}"}
        return {"error": f"{python} does not answer as it should: {error}."}


def _shown(said: str, variables: Mapping[str, str]) -> str:
    first, *others = _strangers.headed(without_secrets(said, variables))
    return first + _strangers.quoted(others)
