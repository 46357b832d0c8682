# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what an environment wants to have installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._plan import _requirements

_PYTHON = re.compile(r"(/[^\s\"'\\\\$]*/)?[A-Za-z0-9][A-Za-z0-9._+-]*")


def problems_of_packages(path: str, environment: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems of an environment.

    :param path: its name for messages, as ``celery_live``.
    """
    yield from _requirements.problems(environment.get("packages") or [], f"{path}.packages")
    python = environment["python"]
    if not _PYTHON.fullmatch(python):
        yield f"{path}.python is {python!r}. Write a command as python3.12, or its absolute path, without arguments."
