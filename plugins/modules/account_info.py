#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: account_info
short_description: Look up the users, groups and homes of environments
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Tells which group and home each environment gets on a host. A user that exists keeps its home, and by default its
    primary group, whoever keeps the accounts, files, LDAP or systemd.
  - Never fails on what it finds, but returns why an environment must not have its user, its group or its home, so that
    a play can stop on all hosts before the first change on any.
  - A user is the collection's if its comment begins with C(Celery environment), which root alone can write.
extends_documentation_fragment:
  - stalk.celery.read_only
options:
  environments:
    description: What all environments of the host ask for, as the action plugin of M(stalk.celery.look) makes it.
    type: list
    elements: dict
    required: true
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
seealso:
  - module: stalk.celery.look
"""

EXAMPLES = r"""
---
- name: Look up the users and groups
  stalk.celery.account_info:
    environments:
      - environment: live
        user: deploy
  register: found

- name: Stop on all hosts if they cannot be used on one
  ansible.builtin.assert:
    that: found.problems | length == 0
    fail_msg: "{{ found.problems }}"
  any_errors_fatal: true
"""

RETURN = r"""
accounts:
  description:
    - For each environment its C(group), by name or, where that would have to be quoted, by number, and its C(home).
    - C(makes_user), C(makes_group) and C(makes_home) say what the collection makes, or made once in the case of the
      user. C(missing) says whether the user or the group does not exist yet.
  returned: success
  type: dict
  sample:
    live:
      group: users
      home: /home/deploy
      makes_user: false
      makes_group: false
      makes_home: false
      missing: false
problems:
  description: What must not be, where it is set and what to write instead.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      celery_uat.home is /home/live, which exists and belongs to live:live 0750: it would be taken from its owner. Write
      a home that does not exist yet, or create the user uat with that home yourself.
"""

from typing import Any, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _paths
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import Nss
from ansible_collections.stalk.celery.plugins.module_utils._plan import _accounts


def look_up(environments: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the module returns."""
    nss = Nss()
    accounts = [_accounts.resolve(wanted(item), nss) for item in environments]
    spots = {account.home: spot(account.home) for account in accounts if account.is_made}
    return {
        "accounts": {account.wanted.environment: _accounts.described(account, spots) for account in accounts},
        "problems": _accounts.problems(accounts, spots, nss.local()),
    }


def wanted(item: Mapping[str, Any]) -> _accounts.Wanted:
    """Return what one environment asks for."""
    return _accounts.Wanted(**{**item, "further_groups": tuple(item["further_groups"])})


def spot(path: str) -> _accounts.Spot:
    """Return what is at the path of a home, and what keeps it from being made there."""
    try:
        with _paths.nearest(path) as (place, missing):
            if missing:
                return _accounts.Spot(obstacle="" if place.is_roots else str(place))
            return _accounts.Spot(place.owner_status.st_uid, _paths.owner(place.owner_status))
    except OSError as error:
        return _accounts.Spot(obstacle=str(error))


def main() -> None:
    name = {"type": "str", "required": True}
    optional = {"type": "str", "default": ""}
    module = AnsibleModule(
        argument_spec={
            "environments": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "environment": name,
                    "user": name,
                    "group": optional,
                    "home": optional,
                    "shared_user": {"type": "bool", "default": False},
                    "shared_group": {"type": "bool", "default": False},
                    "further_groups": {"type": "list", "elements": "str", "default": []},
                    "in_run": {"type": "bool", "default": True},
                },
            },
        },
        supports_check_mode=True,
    )
    try:
        result = look_up(module.params["environments"])
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
