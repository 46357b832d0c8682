# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the templates of the roles as Ansible does, with its filters and the collection's, and faster."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.plugins.filter import core, mathstuff
from ansible_collections.stalk.celery.plugins.filter.quoted import quoted
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ROLES = Path(__file__).parents[2] / "roles"
TEMPLATES = _ROLES / "celery_service/templates"


@cache
def _environment() -> Environment:
    roles = [str(path) for path in _ROLES.glob("*/templates")]
    made = Environment(
        loader=FileSystemLoader(roles), trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    filters = {**core.FilterModule().filters(), **mathstuff.FilterModule().filters()}
    made.filters.update({name: filters[name] for name in ("combine", "regex_replace", "unique")})
    made.filters["stalk.celery.quoted"] = quoted
    return made


def rendered(entry: Mapping[str, Any]) -> str:
    """Return the text of a file that has a template and variables."""
    return _environment().get_template(entry["template"]).render(entry["variables"])
