#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Show the services of a fleet as a table and as a web page
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Prints one table of the services of all hosts, then what needs attention, with the command that fixes it, then what
    the environments can be rolled back to.
  - The table fits the terminal; without one it has lines of 160 characters. Words in capitals say what is wrong.
  - Runs on the control node alone and asks no host. Role P(stalk.celery.celery_status#role)
    collects O(reports) and uses it once for all hosts.
attributes:
  check_mode:
    description: Prints the same, and writes no O(page).
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  reports:
    description: What is known of each host.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Name of the host in the inventory.
        type: str
        required: true
      groups:
        description: The environments whose groups the host is in.
        type: list
        elements: str
        required: true
      wanted:
        description: The services that the inventory asks for, as P(stalk.celery.summaries#filter) returns them.
        type: list
        elements: dict
        required: true
      facts:
        description: The result of M(stalk.celery.service_facts), also one that says that the host is unreachable.
        type: dict
        required: true
      inspected:
        description: The result of M(stalk.celery.worker_info).
        type: dict
        default: {}
      files:
        description: The result of M(stalk.celery.files) in check mode, with all files of O(reports[].wanted).
        type: dict
        default: {}
      kept:
        description: The result of M(stalk.celery.generation_info).
        type: dict
        default: {}
      unread:
        description: The environments whose files are not compared, for want of the password of their broker.
        type: list
        elements: str
        default: []
      machine:
        description:
          - The C(machine) of M(stalk.celery.report_info). Services of an environment that this machine has under
            another name of the inventory are shown there.
        type: str
        default: ''
  limit:
    description: The text of C(--limit). When it names environments, only their services are shown.
    type: str
    default: ''
  page:
    description:
      - Path of the web page to write on the control node, with mode 0644. None by default.
      - A relative path begins in the directory in which Ansible was started.
    type: path
seealso:
  - module: stalk.celery.service_facts
  - module: stalk.celery.worker_info
"""

EXAMPLES = r"""
---
- name: Look at the services
  stalk.celery.service_facts:
  register: looked
  ignore_unreachable: true

- name: Keep what is known of the host
  ansible.builtin.set_fact:
    report: "{{ {'host': inventory_hostname, 'groups': ['live'], 'wanted': [], 'facts': looked} }}"

- name: Show all hosts
  stalk.celery.status:
    reports: "{{ ansible_play_hosts_all | map('extract', hostvars, 'report') }}"
    page: fleet.html
  run_once: true
"""

RETURN = r"""
table:
  description: The lines that were printed.
  returned: success
  type: list
  elements: str
"""
