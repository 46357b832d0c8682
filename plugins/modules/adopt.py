#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: adopt
short_description: Make an inventory of what runs today
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Makes the inventory that C(site.yml) accepts of what M(stalk.celery.foreign_info) has found on all hosts, and shows
    it, or writes it to a directory.
  - What has no key in the inventory is a comment in it, and so is what the check of C(site.yml) refuses.
  - Secrets are references to variables. They are written to a file of their own, or nowhere, and never shown.
  - Runs on the control node alone and asks no host. Role P(stalk.celery.celery_adopt#role) uses it once for all hosts.
attributes:
  check_mode:
    description: Shows the inventory and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  results:
    description:
      - Name of each host and the result of M(stalk.celery.foreign_info), also one that says that the host is
        unreachable.
    type: dict
    required: true
  unit_names:
    description: Whether services keep the names that their units have today, where a service can have such a name.
    type: bool
    default: false
  directory:
    description:
      - Directory on the control node for the inventory, by default none, and the inventory is shown.
      - Files that are there and say something else are not overwritten; then nothing is written.
    type: path
  secrets:
    description:
      - File on the control node for the secrets, with mode 0600; encrypted if the run has a vault password. By default
        they are not written.
      - Needs O(results) with their values, see O(stalk.celery.foreign_info#module:secrets).
    type: path
seealso:
  - module: stalk.celery.foreign_info
"""

EXAMPLES = r"""
---
- name: Look for Celery
  stalk.celery.foreign_info:
  register: found

- name: Write an inventory of all of it
  stalk.celery.adopt:
    results: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'found'))) }}"
    directory: inventories/mine
  run_once: true
"""

RETURN = r"""
environments:
  description: The names of the environments.
  returned: success
  type: list
  elements: str
  sample: [live]
files:
  description: The files that were written, or were there already.
  returned: success
  type: list
  elements: str
lines:
  description: What could not be read or adopted, a sentence for each.
  returned: success
  type: list
  elements: str
"""
