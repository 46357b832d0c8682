#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: realms
short_description: Give each environment a realm of its own on a broker
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Makes a realm that no other environment can enter for each of O(environments), with a password that it generates
    once and keeps in C(/etc/celery-broker/passwords), where only root can read it. No password is in the result, a
    command line or a log.
  - In RabbitMQ a realm is a virtual host and a user, both with the name of the environment. The user C(guest) is
    removed.
  - In Redis it is a user who has the keys and channels that begin with the name of the environment and a colon. Users
    are in C(/etc/celery-broker/users.acl), and a running server gets those that changed without a restart.
  - It never removes a realm or a message. Realms of other environments stay as they are.
attributes:
  check_mode:
    description: Predicts every change, also where the broker is not installed yet.
    support: full
  diff_mode:
    description: There is nothing to show that is not a secret.
    support: none
options:
  kind:
    description: Which broker the host has.
    type: str
    choices: [redis, rabbitmq]
    required: true
  environments:
    description: The environments that have a realm on this host.
    type: list
    elements: str
    required: true
  management:
    description: Those of the O(environments) that may log in to RabbitMQ's management page, which they turn on.
    type: list
    elements: str
    default: []
  group:
    description: Group that Redis runs as, which has to read the file of the users.
    type: str
    default: celery-broker
  socket:
    description: Unix socket of Redis.
    type: str
    default: /run/redis-celery/redis.sock
seealso:
  - module: stalk.celery.password_info
"""

EXAMPLES = r"""
---
- name: Let live and uat into RabbitMQ, each into a virtual host of its own
  stalk.celery.realms:
    kind: rabbitmq
    environments: [live, uat]
    management: [live]
"""

RETURN = r"""
changes:
  description: What was made, without secrets.
  returned: success
  type: list
  elements: str
  sample: [the password of live, RabbitMQ's virtual host live]
"""

import json
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk, _passwords, _paths, _redis
from ansible_collections.stalk.celery.plugins.module_utils._plan import _rabbitmq
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes

ACL = "/etc/celery-broker/users.acl"
PLUGINS = "/etc/rabbitmq/enabled_plugins"
MANAGEMENT = "rabbitmq_management"
HOME = "/var/lib/rabbitmq"
PATIENCE = 60  # seconds that a command of RabbitMQ may take


def redis(module: AnsibleModule, passwords: dict[str, str]) -> list[str]:
    """Give Redis its users: first the server, if it runs, then its file, so that a run that dies is made good."""
    found = _disk.look(ACL)
    old = _redis.parsed("" if found is None else found.content.decode())
    others = {name: _passwords.read(name) for name in old if name not in ("default", *passwords)}
    new = _redis.users({**{name: password for name, password in others.items() if password}, **passwords})
    wanted = Attributes("root", module.params["group"], 0o640)
    if old != new and not module.check_mode:
        if _paths.exists(module.params["socket"]):
            _tell(module.params["socket"], passwords[_redis.ADMINISTRATOR], _redis.commands(old, new))
        _disk.replace(ACL, _redis.printed(new).encode(), wanted, _disk.selinux_labeler(module))
    return [f"Redis's user {name}" for name in {**old, **new} if old.get(name) != new.get(name)]


def _tell(socket: str, password: str, commands: list[list[str]]) -> None:
    try:
        server = _redis.Server(socket, password)
    except ConnectionRefusedError:
        return
    for command in commands:
        server.call(command)


def rabbitmq(module: AnsibleModule, passwords: dict[str, str]) -> list[str]:
    """Give RabbitMQ its virtual hosts and users, in one step."""
    if module.check_mode and not module.get_bin_path("rabbitmqctl"):
        return [f"RabbitMQ's virtual host {name}" for name in passwords]
    found = json.loads(call(module, "rabbitmqctl", "export_definitions", "-"))
    missing = _rabbitmq.missing(passwords, module.params["management"], found)
    changes = [
        f"RabbitMQ's {kind} of {entry.get('name', entry.get('vhost'))}" for kind in missing for entry in missing[kind]
    ]
    if missing and not module.check_mode:
        import_definitions(module, json.dumps(missing))
    if _rabbitmq.has_guest(found):
        changes.append("without RabbitMQ's user guest")
        if not module.check_mode:
            call(module, "rabbitmqctl", "delete_user", _rabbitmq.GUEST)
    plugins = _disk.look(PLUGINS)
    if module.params["management"] and not re.search(rf"\b{MANAGEMENT}\b", plugins.content.decode() if plugins else ""):
        changes.append("RabbitMQ's management page")
        if not module.check_mode:
            call(module, "rabbitmq-plugins", "enable", MANAGEMENT)
    return changes


def import_definitions(module: AnsibleModule, text: str) -> None:
    """Import definitions from a file, in a directory that only RabbitMQ's user can enter: rabbitmqctl runs as that."""
    rabbit = _paths.status(HOME)
    if rabbit is None:
        raise ValueError(f"{HOME} does not exist, so RabbitMQ's user is not known; install RabbitMQ again.")
    with _paths.lent("definitions.json", text.encode(), rabbit.st_uid, rabbit.st_gid) as path:
        call(module, "rabbitmqctl", "import_definitions", path)


def call(module: AnsibleModule, command: str, *arguments: str) -> str:
    """Return what a command of RabbitMQ prints. Raises ValueError if it fails."""
    path = module.get_bin_path(command, required=True)
    code, output, errors = module.run_command([path, *arguments, "--timeout", str(PATIENCE)])
    if code:
        raise ValueError(f"'{command} {' '.join(arguments)}' failed: {errors.strip() or output.strip()}")
    return str(output)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Return what the module returns. Raises ValueError if the broker refuses something."""
    kind = module.params["kind"]
    names = [*module.params["environments"], *([_redis.ADMINISTRATOR] if kind == "redis" else [])]
    kept = {name: _passwords.read(name) for name in names}
    made = [name for name, password in kept.items() if not password]
    placeholder = "made by the first run that is not a check"
    passwords = {
        name: password or (placeholder if module.check_mode else _passwords.make(name, _disk.selinux_labeler(module)))
        for name, password in kept.items()
    }
    module.no_log_values.update(passwords.values())
    changes = [f"the password of {name}" for name in made]
    changes += (redis if kind == "redis" else rabbitmq)(module, passwords)
    return {"changed": bool(changes), "changes": changes}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kind": {"type": "str", "choices": ["redis", "rabbitmq"], "required": True},
            "environments": {"type": "list", "elements": "str", "required": True},
            "management": {"type": "list", "elements": "str", "default": []},
            "group": {"type": "str", "default": "celery-broker"},
            "socket": {"type": "str", "default": "/run/redis-celery/redis.sock"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
