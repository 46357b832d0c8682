# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of a project, where the link ``current`` says which of them is to run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.fleet import on_host


@dataclass(frozen=True)
class Releases:
    """A directory with ``current`` and ``releases`` in it, on each host; ``module`` is a file of the project."""

    root: str
    module: str

    def deploy(self, hosts: Iterable[str], name: str, code: str = "") -> None:
        """Put a release beside the current one and make it the current one, as a user's deployment does.

        :param code: what the new release has at the end of its module.
        """
        release = f"{self.root}/releases/{name}"
        script = (
            f"cp --archive --no-target-directory {self.root}/current/ {release} && cat >> {release}/{self.module} && "
            f"ln --symbolic --force --no-target-directory {release} {self.root}/current"
        )
        for host in hosts:
            on_host(host, "sh", "-c", script, stdin=code)

    def current(self, host: str) -> str:
        """Return the name of the release that is to run on a host."""
        return on_host(host, "readlink", f"{self.root}/current").strip().rpartition("/")[2]

    def of(self, host: str, pid: int) -> str:
        """Return the name of the release that a process works in; its sandbox may show it under another path."""
        find = f"for release in {self.root}/releases/*; do test $release -ef /proc/{pid}/cwd && basename $release; done"
        return on_host(host, "sh", "-c", f"{find}; true").strip()
