# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service needs of its host. Decides; touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._plan import _sandbox

OLDEST_SYSTEMD = 247


@dataclass(frozen=True)
class Service:
    """A service as the inventory describes it; ``tried`` if its virtual environment is complete.

    ``started`` if it is to run.
    """

    unit: str
    environment: str
    name: str
    user: str
    group: str
    directory: str
    virtualenv: str
    tried: bool
    write_paths: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    started: bool = True

    def __str__(self) -> str:
        return f"{self.variable}/{self.name}"

    @property
    def variable(self) -> str:
        return f"celery_{self.environment}"


@dataclass(frozen=True)
class HostFacts:
    """What a service finds on its host; ``uid`` is None for a user that does not exist yet.

    ``real_directory`` is where the working directory leads to, empty if that cannot be told.
    ``celery_problems`` say why its celery does not run as it should, ``file_problems`` where it could not write, and
    which environment files it must not have.
    """

    uid: int | None
    has_directory: bool
    has_celery: bool
    real_directory: str = ""
    celery_problems: tuple[str, ...] = ()
    file_problems: tuple[str, ...] = ()


def host_problems(uid: int, runs_systemd: bool, version_text: str) -> list[str]:
    """Return why no service can run on a host; ``version_text`` is the output of ``systemctl --version``."""
    if uid != 0:
        return ["The services can only be set up by root: set 'become: true' in the play, and no become_user."]
    if not runs_systemd:
        return ["This host was not booted by systemd (it has no /run/systemd/system), which the services need."]
    found = re.match(r"systemd (\d+)", version_text)
    version = int(found.group(1)) if found else 0
    if version < OLDEST_SYSTEMD:
        known = version or "of an unknown version"
        return [f"This host has systemd {known}; the services need {OLDEST_SYSTEMD} or later."]
    return []


def account_problems(service: Service, found: HostFacts) -> list[str]:
    """Return why ``service`` must not run as its user."""
    if found.uid != 0:
        return []
    return [f"the user {service.user!r} is root; set 'user' of {service.variable} to one without privileges."]


def missing(service: Service, found: HostFacts) -> list[str]:
    """Return what has to be deployed before ``service`` can run."""
    result = []
    if not found.has_directory:
        result.append(
            f"the directory {service.directory} does not exist; deploy the code there, "
            f"or correct 'directory' of {service.variable}."
        )
    if service.tried and not found.has_celery:
        result.append(
            f"{service.virtualenv} has no bin/celery that can be executed: it is not there, its mode has no x, or its "
            f"file system is mounted with noexec; install celery there, or correct 'virtualenv' of {service.variable}, "
            "or set its 'packages'."
        )
    elif service.tried:
        result += found.celery_problems
    return [*result, *found.file_problems]


def write_problem(service: Service, path: str, real: str, exists: bool, is_writable: bool) -> str:
    """Return why ``service`` could not write to ``path``, which is ``real``, though it asks for it, or nothing."""
    owner, key = f"{service.user}:{service.group}", f"write_paths of {service.variable}"
    if not exists:
        return (
            f"the directory {path} in {key} does not exist; make it, for example with 'install -d -o {service.user} "
            f"-g {service.group} -m 0750 {path}', or take it out."
        )
    if _sandbox.in_home(real) and not _sandbox.in_home(path):
        return f"{path} in {key} is a link to {real}, which the sandbox hides; write {real} instead."
    if not is_writable:
        return (
            f"the user {service.user!r} may not write to {path} in {key}; give it the directory, for example with "
            f"'chown {owner} {path}', or take it out."
        )
    return ""


def group_by_message(texts: Mapping[Service, Iterable[str]]) -> list[str]:
    """Return the ``texts`` about the services, each text once, after the services that it is about."""
    about: dict[str, list[str]] = {}
    for service, sentences in texts.items():
        for sentence in sentences:
            about.setdefault(sentence, []).append(str(service))
    return [f"{', '.join(services)}: {sentence}" for sentence, services in about.items()]
