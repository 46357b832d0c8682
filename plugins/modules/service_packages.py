#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_packages
short_description: Install the packages of environments
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Hands the C(packages) of environments to M(stalk.celery.virtualenvs), whose results it returns.
  - Internal to role P(stalk.celery.celery_service#role).
attributes:
  check_mode:
    description: Asks the installer what it would do.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  environments:
    description: Names of the environments, of those that the run converges on the host.
    type: list
    elements: str
    required: true
  accounts:
    description: The accounts of the environments, as M(stalk.celery.look) returns them.
    type: dict
    required: true
  put_off_after:
    description: Seconds after which an installation is stopped, to be finished by another call. By default none is.
    type: int
    default: 0
seealso:
  - module: stalk.celery.virtualenvs
"""

EXAMPLES = r"""
---
- name: Install the packages of live
  stalk.celery.service_packages:
    environments: [live]
    accounts: "{{ celery_service_look.accounts }}"
"""

RETURN = r"""
done:
  description: Environments that have their packages.
  returned: success
  type: list
  elements: str
  sample: [live]
"""
