#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_files
short_description: Write the files of the services of a host
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Renders the units, environment files and log rotations of services, and once for each environment its target, its
    operator command and its library, and writes them with M(stalk.celery.files).
  - Internal to role P(stalk.celery.celery_service#role), in which the templates are.
attributes:
  check_mode:
    description: Predicts what it would write.
    support: full
  diff_mode:
    description: Shows what differs; of a file with secrets only the names of the variables.
    support: full
options:
  environments:
    description: Names of the environments, of those that the run converges on the host. By default all.
    type: list
    elements: str
  accounts:
    description: The accounts of the environments, as M(stalk.celery.look) returns them. By default the host is asked.
    type: dict
  kinds:
    description: Kinds of services, by default all.
    type: list
    elements: str
  passwords:
    description: The passwords of the environments' brokers.
    type: dict
    default: {}
seealso:
  - module: stalk.celery.files
  - module: stalk.celery.units
"""

EXAMPLES = r"""
---
- name: Write the files of all workers
  stalk.celery.service_files:
    kinds: [worker]
  register: written
"""

RETURN = r"""
restart:
  description: Units of which the content of a file changed.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
orphans:
  description: Paths of files of these kinds that the inventory no longer asks for.
  returned: success
  type: list
  elements: str
  sample: []
units:
  description: The units, as M(stalk.celery.units) takes them.
  returned: success
  type: list
  elements: dict
  sample: [{name: celery-live-w1.service, state: started, enabled: true}]
marker_prefixes:
  description: Beginnings of the markers of the environments, as M(stalk.celery.units) takes them.
  returned: success
  type: list
  elements: str
  sample: [live/]
timeout:
  description: Seconds to wait for systemd, so that every service can stop and start.
  returned: success
  type: int
  sample: 1020
"""
