# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service of a host that the collection wrote, and what its variables say. Touches nothing."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from typing import Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._plan._kinds import KINDS
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

# As systemctl prints EnvironmentFiles=; whether systemd ignores that a file is missing does not matter here.
_ENVIRONMENT_FILE = re.compile(r"(?m)^(?P<path>.*) \(ignore_errors=(?:yes|no)\)$")
_PLACEHOLDER = re.compile(r"%([%hnd])")


@dataclass(frozen=True)
class Owned:
    """A service that the collection wrote: what its unit file's marker calls it, what systemd and its variables say.

    ``release`` is the real path of the directory that its main process works in, empty without one, and ``current``
    where the configured directory leads to now; ``_stale`` finds both. ``keeps_crashing`` is what its watch says.
    """

    environment: str
    kind: str
    name: str
    unit: Unit
    variables: Mapping[str, str] = field(repr=False)
    release: str = ""
    current: str = ""
    keeps_crashing: bool = False

    def __str__(self) -> str:
        return f"{self.environment}/{self.name}"

    @property
    def user(self) -> str:
        return self.unit["User"]

    @property
    def group(self) -> str:
        return self.unit["Group"]

    @property
    def supplementary_groups(self) -> tuple[str, ...]:
        return tuple(self.unit["SupplementaryGroups"].split())

    @property
    def directory(self) -> str:
        return self.unit["WorkingDirectory"].lstrip("!")

    @property
    def env_files(self) -> tuple[str, ...]:
        return env_files(self.unit)

    @property
    def app(self) -> str:
        return self.variables.get("CELERY_APP", "")

    @property
    def virtualenv(self) -> str:
        return os.path.dirname(os.path.dirname(self.variables.get("CELERY_BIN", "")))

    @property
    def node(self) -> str:
        """The name of the node as Celery expands it on this host, empty for what is not a worker."""
        written = self.variables.get("CELERYD_NODES", "") if self.kind == "worker" else ""
        return node_name(written, os.uname().nodename)

    @property
    def queues(self) -> list[str]:
        """The queues that the command line names, none for those that the application has by default."""
        return [queue for queue in option(self._options, "--queues", "-Q").split(",") if queue]

    @property
    def excluded_queues(self) -> list[str]:
        """The queues that the command line takes out of those."""
        return [queue for queue in option(self._options, "--exclude-queues", "-X").split(",") if queue]

    @property
    def pool(self) -> str:
        """The pool that the command line names, empty for the application's."""
        return option(self._options, "--pool", "-P")

    @property
    def pid(self) -> int:
        return int(self.unit["MainPID"] or 0)

    @property
    def _options(self) -> str:
        return self.variables.get(f"{KINDS[self.kind].prefix}_OPTS", "")


def keeps_crashing(service: Unit, failing: Unit) -> bool:
    """Return whether ``failing`` has failed for ``service`` and nobody started it since, which counts from 0 again."""
    return failing["ActiveState"] == "failed" and service["NRestarts"] not in ("", "0")


def env_files(unit: Unit) -> tuple[str, ...]:
    """Return the paths of the environment files of ``unit``, in the order in which systemd reads them."""
    return tuple(found["path"] for found in _ENVIRONMENT_FILE.finditer(unit["EnvironmentFiles"]))


def node_name(written: str, host: str) -> str:
    """Return what Celery makes of a node name on ``host``: see celery.utils.nodenames."""
    complete = written if "@" in written or not written else f"celery@{written}"
    name, _dot, domain = host.partition(".")
    values = {"h": host, "n": name, "d": domain, "%": "%"}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], complete)


def option(text: str, long: str, short: str) -> str:
    """Return the value of an option in the words of a command line, the last one if it is there more than once."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    values = [""]
    for word, following in zip(words, [*words[1:], ""]):
        if word in (long, short):
            values.append(following)
        elif word.startswith(f"{long}="):
            values.append(word.partition("=")[2])
        elif word.startswith(short) and not word.startswith("--"):
            values.append(word[len(short) :])
    return values[-1]


def of_environments(services: Sequence[Owned], environments: Sequence[str]) -> list[Owned]:
    """Return those of ``services`` that belong to ``environments``, which are all when there are none."""
    return [service for service in services if not environments or service.environment in environments]
