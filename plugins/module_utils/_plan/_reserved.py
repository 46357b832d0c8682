# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users and groups that no environment may have, because more than an environment hangs on them. Touches nothing.

What the host has under a number counts as well as its name: root may be called otherwise, and the numbers below 100 are
those that the distribution itself gives out (Linux Standard Base), with the groups that own disks, terminals, passwords
and programs. A web server's account is among them, and an application behind it may well run as that.
"""

from __future__ import annotations

_OF_THE_DISTRIBUTION = range(1, 100)
_NOBODY = (65534, 65535)
_WEB_SERVERS = ("www-data", "apache", "http")
_OF_THE_SYSTEM = ("systemd-", "_apt", "_chrony", "_ssh")
_USERS = {
    "root": "root",
    "nobody": "for those whom the system does not know, and owns what nobody else owns",
    **dict.fromkeys(("messagebus", "dbus", "polkitd", "sshd", "chrony", "syslog", "tss", "sssd"), "the system's"),
    **dict.fromkeys(("celery-broker", "redis", "valkey", "rabbitmq"), "that of a broker, with all that is in it"),
}
_AS_GOOD_AS_ROOT = (
    *("admin", "disk", "kmem", "mem", "shadow", "sudo", "wheel"),
    *("docker", "incus", "incus-admin", "libvirt", "libvirtd", "lxd", "microk8s", "podman"),
)
_GROUPS = {
    "root": "root's",
    **dict.fromkeys(_AS_GOOD_AS_ROOT, "as good as root"),
    **dict.fromkeys(("adm", "crontab", "input", "kvm", "netdev", "render", "ssl-cert", "staff"), "the system's"),
    **dict.fromkeys(("messagebus", "dbus", "polkitd", "ssh_keys", "tty", "utmp"), "the system's"),
    **dict.fromkeys(("nobody", "nogroup"), "for what nobody owns"),
    **dict.fromkeys(("celery-broker", "redis", "valkey", "rabbitmq"), "that of a broker, with all that is in it"),
}
# What a service may be given beside its group, where somebody writes it: a socket, a device, a log.
_NEVER_FURTHER = ("root", "celery-broker", "disk", "kmem", "mem", "shadow", "sudo", "wheel")


def user(name: str, uid: int | None = None) -> str:
    """Return whose ``name`` is, which this host may have as ``uid``; empty for a user that may be an environment's."""
    if uid == 0:
        return "root" if name == "root" else "root under another name"
    return _of_name(name, _USERS) or _of_number(name, uid)


def group(name: str, gid: int | None = None) -> str:
    """Return what ``name`` is, which this host may have as ``gid``; empty for a group that may be an environment's."""
    return "root's" if gid == 0 else _of_name(name, _GROUPS) or _of_number(name, gid)


def further_group(name: str, gid: int | None = None) -> str:
    """Do as ``group``, for a group that a service is to have beside its own."""
    return group(name, gid) if gid == 0 or name in _NEVER_FURTHER else ""


def _of_name(name: str, names: dict[str, str]) -> str:
    return "the system's" if name.startswith(_OF_THE_SYSTEM) else names.get(name, "")


def _of_number(name: str, number: int | None) -> str:
    if number is None or name in _WEB_SERVERS:
        return ""
    return "the system's" if number in _OF_THE_DISTRIBUTION or number in _NOBODY else ""
