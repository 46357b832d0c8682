# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option that the modules look and report_info have in common."""

    DOCUMENTATION = r"""
options:
  accounts:
    description:
      - What all environments of the host ask for. The module look answers this alone, since all else depends on it.
    type: list
    elements: dict
    suboptions:
      environment:
        description: Name of the environment.
        type: str
        required: true
      user:
        description: Name of its user.
        type: str
        required: true
      group:
        description: Name of its group. By default the primary group of the user, or the name of one that is to be made.
        type: str
        default: ""
      home:
        description: Home of the user. By default that of the user, or below C(/home) for one that has to be made.
        type: str
        default: ""
      shared_user:
        description: Whether another environment may have the same user.
        type: bool
        default: false
      shared_group:
        description: Whether another environment may have the same group.
        type: bool
        default: false
      further_groups:
        description: Groups that its services have beside it.
        type: list
        elements: str
        default: []
      in_run:
        description: Whether the run is about this environment. The others count only where they share with it.
        type: bool
        default: true
"""
