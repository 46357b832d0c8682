#!/usr/bin/python
# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_info
short_description: Find out whether the Redis of a host can keep environments apart
version_added: 1.0.0
author:
  - The stalk.celery authors (@stalk)
description:
  - Looks at the Redis or Valkey that the host has, or else at the one that its packages would bring. Where apt has no
    list of its packages, as on a new host, it is fetched, but not in check mode.
  - Looks whether something else than the instance of this collection has its port, as the one that came with a package.
  - Does not fail on what it finds, but returns it, so that a play can stop on all hosts before the first change on any.
extends_documentation_fragment:
  - stalk.celery.read_only
options:
  program:
    description: Absolute path of the server, whether it is there or not.
    type: path
    required: true
  package:
    description: The package that brings it.
    type: str
    required: true
  environments:
    description: The environments that are to share it, for the sentences.
    type: list
    elements: str
    required: true
  host:
    description: The name of the host, for the sentences.
    type: str
    required: true
  port:
    description: The port of the instance that they are to share.
    type: int
    required: true
seealso:
  - module: stalk.celery.realms
"""

EXAMPLES = r"""
---
- name: Look at the Redis of the host
  stalk.celery.redis_info:
    program: /usr/bin/redis-server
    package: redis-server
    environments: [live, uat]
    host: "{{ inventory_hostname }}"
    port: 6379
  register: redis

- name: Stop on all hosts if it is too old on one
  ansible.builtin.assert:
    that: redis.problems | length == 0
    fail_msg: "{{ redis.problems | join(' ') }}"
  any_errors_fatal: true
"""

RETURN = r"""
version:
  description: The version, empty if it cannot be known before the package is installed.
  returned: success
  type: str
  sample: 7.0.15
problems:
  description: Why it cannot give each environment a realm, and what to do instead.
  returned: success
  type: list
  elements: str
  sample: []
"""

import errno
import os
import re
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _disk
from ansible_collections.stalk.celery.plugins.module_utils._plan import _redis_version

CONFIGURATION = "/etc/celery-broker/redis-celery.conf"
PATIENCE = 120  # seconds that a package manager may take
_PORT = re.compile(rb"(?m)^port ([0-9]+)$")


def version(module: AnsibleModule) -> str:
    """Return the version of the server that is installed, or else that would be."""
    program, package = module.params["program"], module.params["package"]
    if os.access(program, os.X_OK):
        return _redis_version.of_server(printed(module, program, "--version"))
    if module.get_bin_path("apt-cache"):
        return candidate(module, package) or ("" if module.check_mode else fetched(module, package))
    if module.get_bin_path("dnf"):
        command = ("dnf", "--quiet", "repoquery", "--latest-limit=1", "--queryformat=%{version}", package)
        return _redis_version.of_package(printed(module, *command))
    return ""


def candidate(module: AnsibleModule, package: str) -> str:
    """Return the version that apt would install, empty if it knows of none."""
    return _redis_version.candidate_of_apt(printed(module, "apt-cache", "policy", package))


def fetched(module: AnsibleModule, package: str) -> str:
    """Return it when the lists of packages have been fetched; fails where that is not possible."""
    code, _output, errors = module.run_command(["timeout", str(PATIENCE), "apt-get", "--quiet", "update"])
    if code:
        module.fail_json(msg=f"apt-get update failed, so it is not known which {package} there is: {errors.strip()}")
    return candidate(module, package)


def is_taken(module: AnsibleModule, port: int) -> bool:
    """Return whether something else than the shared instance listens at ``port``, so that this one could not."""
    systemctl = module.get_bin_path("systemctl")
    runs = systemctl and module.run_command([systemctl, "--quiet", "is-active", _redis_version.UNIT])[0] == 0
    if runs and own_port() == port:
        return False
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def own_port() -> int | None:
    """Return the port of the shared instance as it is configured on the host, None where it is not."""
    found = _disk.look(CONFIGURATION)
    written = _PORT.search(found.content) if found else None
    return int(written[1]) if written else None


def printed(module: AnsibleModule, *command: str) -> str:
    """Return what a command prints."""
    _code, output, _errors = module.run_command(
        ["timeout", str(PATIENCE), *command], environ_update={"LC_ALL": "C"}, errors="surrogate_then_replace"
    )
    return str(output)


def main() -> None:
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "program": {"type": "path", "required": True},
            "package": text,
            "environments": {"type": "list", "elements": "str", "required": True},
            "host": text,
            "port": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    found = version(module)
    names, host, port = (module.params[key] for key in ("environments", "host", "port"))
    problems = _redis_version.problems(found, names, host)
    if is_taken(module, port):
        problems.append(_redis_version.problem_of_port(port, names, host))
    module.exit_json(changed=False, version=found, problems=problems)


if __name__ == "__main__":
    main()
