#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Check the inventory and plan what a host runs
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Reads C(celery_environments) and the C(celery_<environment>) variables of the host, checks every key and collision,
    and fails with all problems, each with its variable and what to write instead.
  - Returns what the host is to run, without secrets. C(ansible-playbook stalk.celery.site --check -v) shows it.
  - Runs on the control node alone and asks no host.
attributes:
  check_mode:
    description: Does the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  check:
    description: Whether to check the inventory. Without, only RV(names), RV(run) and RV(all_of_run) are returned.
    type: bool
    default: true
seealso:
  - module: stalk.celery.look
"""

EXAMPLES = r"""
---
- name: Plan what this host runs
  stalk.celery.plan:
  register: plan
"""

RETURN = r"""
kinds:
  description: The kinds of services that there are, in the order in which they are converged.
  returned: success
  type: list
  elements: str
  sample: [worker, beat, flower]
names:
  description: The environments whose groups the host is in.
  returned: success
  type: list
  elements: str
  sample: [live, uat]
run:
  description: Those of RV(names) that the run is about; C(--limit) may name them.
  returned: success
  type: list
  elements: str
  sample: [live]
all_of_run:
  description: The environments of the whole inventory that the run is about.
  returned: success
  type: list
  elements: str
  sample: [live]
environments:
  description: The environments that the run converges on the host.
  returned: success, with O(check)
  type: list
  elements: str
  sample: [live]
services:
  description: The services of the host, each with what it is and where, and seconds that a start and a stop may take.
  returned: success, with O(check)
  type: list
  elements: dict
  sample:
    - unit: celery-live-w1.service
      environment: live
      kind: worker
      name: w1
      type: notify
      state: started
      user: live
      group: live
      directory: /home/live/edc
      virtualenv: /home/live/edc/.venv
      node: w1@%h
      queues: [celery]
      pool: prefork
      start_timeout: 120
      stop_timeout: 300
packages:
  description: The environments whose packages are installed.
  returned: success, with O(check)
  type: list
  elements: str
  sample: []
keepers:
  description: The environments whose broker has a password, each with the host that keeps it.
  returned: success, with O(check)
  type: dict
  sample: {live: db1}
timeout:
  description: Seconds to wait for systemd, so that every service can stop and start.
  returned: success, with O(check)
  type: int
  sample: 1020
"""
