# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test hosts: containers that boot systemd, in a world of their own.

A *world* is a mount and PID namespace in which podman finds a storage, a network and a cgroup2 file system that
nobody else uses. When the process that holds a world ends, the kernel ends everything in it: no container outlives its
run. Worlds have names ("molecule", "demo"); two of them work side by side.

=============  =========================================================
debian.py      what the machine needs, and how it gets it
images.py      the base image of the hosts, one for each Debian release
world.py       the namespaces
files.py       what podman, Ansible and the hosts find in a world
boot.py        start hosts
enter.py       run a command on a host
__main__.py    the command line: ``python -m tests.hosts --help``
=============  =========================================================
"""

from __future__ import annotations
