# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command on a host of the world that this process is in: ``enter.py HOST COMMAND``, as the way of ssh to it.

``podman exec`` does the same, and takes forty times the processor time: a run of all tests does it thousands of times.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

CONTAINERS = Path("/var/lib/containers/storage/overlay-containers/containers.json")
STATE = "/run/containers/storage/overlay-containers/{id}/userdata/pidfile"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOT = ("env", "--ignore-environment", PATH, "HOME=/root", "TERM=xterm")
# The user's own variables, and the groups that the host knows.
OTHER = ("sh", "-c", 'exec setpriv --reuid="$0" --regid="$(id -g "$0")" --init-groups --reset-env env "$@"')
# nsenter itself would stop with its child, as systemd stops all for a moment when a host goes down, and never go on.
WAIT = ("sh", "-c", '"$@"; exit $?', "sh")
JOIN = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"')


def command_on(host: str, command: Sequence[str], user: str = "root") -> list[str]:
    """Return the command for this machine that runs a command on a host as a user; LookupError if it is not up."""
    pid = first_process(host)
    cgroup = "/sys/fs/cgroup" + _cgroup(pid).removesuffix("/init.scope")
    become = ROOT if user == "root" else (*OTHER, user, PATH)
    return [*JOIN, cgroup, "nsenter", "--all", "--no-fork", f"--target={pid}", *WAIT, *become, *command]


def first_process(host: str) -> int:
    """Return the PID of a host's systemd."""
    containers = json.loads(CONTAINERS.read_text(encoding="utf-8"))
    found = [container["id"] for container in containers if host in container["names"]]
    try:
        return int(Path(STATE.format(id=found[0])).read_text(encoding="utf-8"))
    except (IndexError, OSError) as error:
        raise LookupError(f"no host {host} is up") from error


def _cgroup(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))


if __name__ == "__main__":
    program = command_on(sys.argv[1], sys.argv[2:])
    os.execvp(program[0], program)
