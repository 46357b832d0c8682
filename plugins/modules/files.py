#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Write the files of many services in one round trip
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Brings any number of files and directories into the wanted state with one call to the host.
  - All files are compared before the first one is written, and each is replaced in one step, so that a run that dies
    leaves whole files.
  - A file that lacks the text C(Managed by stalk.celery:) in its first three lines was written by somebody else.
    When one is in the way, the module fails before it writes anything. So it does when the file belongs to another
    environment.
  - A new unit file is refused where the host has a unit of that name already, from a package or running.
  - Before and after it writes files of a unit, the module notes the time below C(/run/stalk.celery). With that,
    M(stalk.celery.units) restarts a unit whose files are newer than its process, even if the run that wrote them died.
attributes:
  check_mode:
    description: Predicts every change, also on a host that lacks the users, groups and directories.
    support: full
  diff_mode:
    description: Shows the text of public files, and the names of changed variables of secret ones.
    support: full
extends_documentation_fragment:
  - stalk.celery.files
options:
  marker_prefixes:
    description:
      - Beginnings of markers, for example V(live/worker/).
      - A file that carries such a marker and is not in O(files) is an orphan.
    type: list
    elements: str
    default: []
  keep_markers:
    description: Whole markers that a file may carry without being an orphan, for example V(live/beat/beat/app1).
    type: list
    elements: str
    default: []
  search:
    description: Where to look for orphans, beside the directories of all O(files). Subdirectories are not searched.
    type: list
    elements: str
    default: []
seealso:
  - module: stalk.celery.units
  - module: stalk.celery.look
"""

EXAMPLES = r"""
---
- name: Write unit and environment of a worker
  stalk.celery.files:
    marker_prefixes: [live/worker/]
    directories:
      - path: /etc/conf.d
    files:
      - path: /etc/systemd/system/celery-live-w1.service
        template: etc/systemd/system/worker.service.j2
        variables:
          service: "{{ service }}"
        unit: celery-live-w1.service
      - path: /etc/conf.d/celery-live-w1.conf
        template: etc/conf.d/worker.conf.j2
        variables:
          service: "{{ service }}"
        group: live
        mode: '0640'
        secret: true
        unit: celery-live-w1.service
  register: written

- name: Restart what changed, remove what is not wanted any more
  stalk.celery.units:
    restart: "{{ written.restart }}"
    orphans: "{{ written.orphans }}"
    units:
      - name: celery-live-w1.service
"""

RETURN = r"""
changed_files:
  description: Paths of the files whose content was written.
  returned: success
  type: list
  elements: str
  sample: [/etc/conf.d/celery-live-w1.conf]
restart:
  description: Units of which the content of a file changed.
  returned: success
  type: list
  elements: str
  sample: [celery-live-w1.service]
orphans:
  description:
    - Paths of the files that O(marker_prefixes) wrote once and that are not in O(files).
    - They are not removed here, since systemd has to stop a unit before its file goes.
      See O(stalk.celery.units#module:orphans).
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/celery-live-old.service]
machine:
  description:
    - What tells this machine from all others, made of its machine id, its boot and its host name.
    - See P(stalk.celery.misleading#filter).
  returned: success
  type: str
  sample: 0a3c1f5be2d7
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils import _arguments
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk, _machine
from ansible_collections.stalk.celery.plugins.module_utils._host._systemctl import Systemd, SystemdError
from ansible_collections.stalk.celery.plugins.module_utils._plan import _files

_PATIENCE = 60


def run(module: AnsibleModule) -> dict[str, Any]:
    """Return what the module returns. Raises ValueError before the first change if there must be none."""
    files = _arguments.files(module.params["files"], module.params["_texts"] or "[]")
    wanted: list[_files.Wanted] = [*_arguments.directories(module.params["directories"]), *files]
    found = _disk.read_paths(item.path for item in wanted)
    new = [file for file in files if file.path not in found]
    foreign = _disk.foreign_units(Systemd(module.run_command, _PATIENCE), new, found)
    owners = {file.path: file.attributes.owner for file in files}
    problems = [*foreign.values(), *_files.problems(wanted, found, _disk.exposed(owners, owners))]
    if not module.check_mode:
        problems += _disk.unknown_accounts(wanted)
    if problems:
        raise ValueError("\n".join(problems))
    changes = _files.plan(wanted, found)
    if not module.check_mode:
        _disk.apply(changes, _disk.selinux_labeler(module))
    paths = {file.path for file in files}
    return {
        "changed": changes.changed,
        "changed_files": changes.changed_files,
        "restart": changes.restart,
        "orphans": _disk.orphans(
            [*module.params["search"], *map(os.path.dirname, paths)],
            module.params["marker_prefixes"],
            paths,
            module.params["keep_markers"],
        ),
        "machine": _machine.identity(),
        "diff": _files.diffs(changes, found),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": _arguments.FILES,
            "_texts": _arguments.TEXTS,
            "directories": _arguments.DIRECTORIES,
            "marker_prefixes": {"type": "list", "elements": "str", "default": []},
            "keep_markers": {"type": "list", "elements": "str", "default": []},
            "search": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (OSError, ValueError, SystemdError) as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        del result["diff"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
