# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an environment file of somebody else's may be one of a service.

systemd reads it as root, before the service has a user: a link there would show any file of the host to the service,
and a pipe there would have systemd wait, and the host with it. So root alone must be able to put something there.
"""

from __future__ import annotations

import os
import stat

from ansible_collections.stalk.celery.plugins.module_utils._host import _paths
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service

_MOST_LINKS = 8
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def problem(service: Service, path: str) -> str:
    """Return why ``path`` must not be among the ``env_files`` of ``service``; empty if it may."""
    key = f"env_files of {service.variable}"
    try:
        reason = _reason(path, _MOST_LINKS)
    except FileNotFoundError:
        return f"the file {path} in {key} does not exist; write it, or take it out."
    except OSError as error:
        return f"the file {path} in {key} cannot be read: {error.strerror}; correct the path."
    if not reason:
        return ""
    own = f"/etc/{service.environment}.env"
    install = f"install -o root -g {service.group} -m 0640 {path} {own}"
    return (
        f"{path} in {key} can be changed by others than root ({reason}), and systemd reads it as root; have it where "
        f"root alone writes, for example with '{install}', and write {own}."
    )


def _reason(path: str, links: int) -> str:
    """Return who else could change what is at ``path``. Raises OSError if there is no file."""
    directory, name = os.path.split(path)
    with _paths.nearest(directory) as (place, missing):
        status = None if missing else place.status(name)
        if not missing and not place.is_roots:
            return str(place)
        if status is None or not links:
            raise FileNotFoundError
        if stat.S_ISLNK(status.st_mode):
            return _reason(os.path.normpath(os.path.join(place.path, place.target(name))), links - 1)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is no file")
    is_roots = status.st_uid in (0, os.getuid()) and not status.st_mode & _OTHERS_WRITE
    return "" if is_roots else f"it belongs to {_paths.owner(status)}"
