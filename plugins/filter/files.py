# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: files
short_description: The files and directories that services need
version_added: 1.0.0
author: The stalk.celery authors
description:
  - Returns what M(stalk.celery.files) takes, the unit, the environment file and the log rotation of each service,
    and once for each environment its target, its
    operator command, the module that tells systemd when a service is ready, and what watches for services that keep
    crashing.
options:
  _input:
    description: All services of the host, as P(stalk.celery.services#filter) returns them.
    type: list
    elements: dict
    required: true
  kinds:
    description: Kinds of services whose files to return. By default all.
    type: list
    elements: str
    choices: [worker, beat, flower]
"""

EXAMPLES = r"""
---
written: "{{ services | stalk.celery.files(['worker']) }}"
"""

RETURN = r"""
_value:
  description: The RV(ignore:files) and the RV(ignore:directories).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.stalk.celery.plugins.plugin_utils._files import files_of


class FilterModule:
    """Filter plugin of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"files": files_of}
