# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option that the modules files and look have in common."""

    DOCUMENTATION = r"""
options:
  files:
    description: The files that have to exist.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path on the host.
        type: str
        required: true
      template:
        description:
          - Path of a Jinja2 template, searched for in the C(templates) directories of the role and the play.
          - Exactly one of O(files[].template) and O(files[].content) is required.
        type: str
      variables:
        description: Variables of O(files[].template), beside those of the task.
        type: dict
      content:
        description:
          - The text itself.
          - One of its first three lines has to contain C(Managed by stalk.celery:) and then
            C(<environment>/<kind>/<name>). The same holds for what O(files[].template) makes.
        type: str
      owner:
        description: Name of the user that owns the file.
        type: str
        default: root
      group:
        description: Name of the group that owns the file.
        type: str
        default: root
      mode:
        description: Permissions, as a quoted octal number.
        type: str
        default: '0644'
      secret:
        description: Whether the content is to be kept out of the output, the diff and the log of the host.
        type: bool
        default: false
      unit:
        description: The systemd unit that has to be restarted when the content changes.
        type: str
  directories:
    description:
      - The directories that have to exist. One that exists keeps its owner and mode.
      - Missing parents of directories and of files are made with mode 0755 and belong to the owner of the directory
        above them. Below a directory of a user, all is made as that user.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path on the host.
        type: str
        required: true
      owner:
        description: Name of the user that owns the directory.
        type: str
        default: root
      group:
        description: Name of the group that owns the directory.
        type: str
        default: root
      mode:
        description: Permissions, as a quoted octal number.
        type: str
        default: '0755'
      setting:
        description: What asks for the directory, for messages, for example V(celery_live.log_file).
        type: str
        default: ''
      instead:
        description: What could be written there instead, for messages.
        type: str
        default: ''
  _texts:
    description: What is to be in O(files), as one JSON text. The action plugin sets it; a playbook cannot.
    type: str
"""
