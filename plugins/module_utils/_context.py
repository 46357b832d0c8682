# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the program _ask in the contexts of services: as their user, in their directory, with their variables."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils import _ask
from ansible_collections.stalk.celery.plugins.module_utils._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._owned import Owned
from ansible_collections.stalk.celery.plugins.module_utils._systemctl import LATE, Systemd

Request = Dict[str, Any]
Answer = Dict[str, Any]

_LOADER = (
    "import json, sys; document = json.load(sys.stdin); names = {'__name__': 'stalk_celery_ask'}; "
    "exec(compile(document['program'], 'stalk.celery', 'exec'), names); names['main'](document['request'])"
)
_OWN_VARIABLES = ("CELERYD_", "CELERYBEAT_", "FLOWER_")
_START = 20  # seconds that systemd, the interpreter and the end of the program may take beside the request itself
_SHOWN_LINES = 20


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
        service = self.service
        groups = " ".join(service.supplementary_groups)
        return [
            f"--uid={service.user}",
            f"--gid={service.group}",
            f"--working-directory={service.directory}",
            *([f"--property=SupplementaryGroups={groups}"] if groups else []),
            *(f"--property=EnvironmentFile={path}" for path in service.env_files),
            "--property=Environment=PYTHONDONTWRITEBYTECODE=1",
            "--property=TimeoutStopSec=5",
        ]

    @property
    def python(self) -> str:
        """The interpreter of the services."""
        return os.path.join(self.service.virtualenv, "bin/python")


def contexts(services: Sequence[Owned]) -> list[Context]:
    """C(services) by what they see."""
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
    """The answers to all C(requests), all at the same time.

    Each may take C(timeout) seconds when its application has been imported, for which it has as long as in a trial.
    An answer without C(error) is what _ask says. Neither C(error) nor C(failure) shows a secret.
    """
    if not requests:
        return {}
    loader: Any = _ask.__loader__
    program = loader.get_source(_ask.__name__)

    def run(context: Context) -> Answer:
        excluded = {service.node: service.excluded_queues for service in context.services}
        request = {**requests[context], "app": context.service.app, "timeout": timeout, "excluded": excluded}
        return _run(systemd, context, json.dumps({"program": program, "request": request}), timeout)

    with ThreadPoolExecutor(max_workers=len(requests)) as pool:
        return dict(zip(requests, pool.map(run, requests)))


def _run(systemd: Systemd, context: Context, document: str, timeout: float) -> Answer:
    seconds = _ask.IMPORT + timeout + _START
    try:
        # No argument is a secret.
        code, said, errors = systemd.run(seconds, context.options, [context.python, "-c", _LOADER], document)
    except OSError as error:
        return {"error": f"systemd-run failed: {error}"}
    if code == LATE:
        return {"error": f"the application does not answer within {seconds:g} s."}
    try:
        answer: Answer = json.loads(said)
    except ValueError:
        answer = {"error": f"{context.python} ended with {code}:\n{errors}"}
    for key in {"error", "failure"} & answer.keys():
        answer[key] = _shown(answer[key], context.service.variables)
    return answer


def _shown(text: str, variables: Mapping[str, str]) -> str:
    lines = without_secrets(text, variables).strip().splitlines()
    return "\n    ".join([*lines[:1], *lines[1:][-_SHOWN_LINES:]])
