# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The passwords of realms on the host of a broker: one file for each environment, which only root can read."""

from __future__ import annotations

import os
import secrets

from ansible_collections.stalk.celery.plugins.module_utils._host import _disk
from ansible_collections.stalk.celery.plugins.module_utils._host._paths import Label
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, Directory

DIRECTORY = "/etc/celery-broker/passwords"
_BYTES = 32


def read(name: str) -> str | None:
    """Return the password of a realm, None where there is none yet."""
    found = _disk.look(_path(name))
    return None if found is None else found.content.decode().strip()


def make(name: str, label: Label) -> str:
    """Make the password of a realm, of characters that a URL takes as they are."""
    if _disk.look(DIRECTORY) is None:
        _disk.make_directory(Directory(DIRECTORY, Attributes("root", "root", 0o700)), label)
    password = secrets.token_urlsafe(_BYTES)
    _disk.replace(_path(name), f"{password}\n".encode(), Attributes("root", "root", 0o600), label)
    return password


def _path(name: str) -> str:
    return os.path.join(DIRECTORY, name)
