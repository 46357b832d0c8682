# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users and groups of this host, whoever keeps them: files, LDAP or systemd."""

from __future__ import annotations

import contextlib
import grp
import pwd

from ansible_collections.stalk.celery.plugins.module_utils._plan._accounts import Group, User

_LOCAL = "/etc/passwd"


def gid_of(name: str) -> int:
    """Return the number of a group, which may be called by it. Raises KeyError if there is no such group."""
    group = Nss().group(name)
    if group is None:
        raise KeyError(name)
    return group.gid


class Nss:
    """What the host answers, by name or by number."""

    def user(self, name: str) -> User | None:
        with contextlib.suppress(KeyError):
            return _user(pwd.getpwnam(name))
        return None

    def group(self, name: str) -> Group | None:
        """Return the group of a name, or of a number that has none."""
        with contextlib.suppress(KeyError):
            return Group(name, grp.getgrnam(name).gr_gid)
        return self.group_of(int(name)) if name.isascii() and name.isdigit() else None

    def group_of(self, gid: int) -> Group:
        with contextlib.suppress(KeyError):
            return Group(grp.getgrgid(gid).gr_name, gid)
        return Group(str(gid), gid)

    def local(self) -> list[User]:
        """Return the users of this host alone; those that others keep could be a hundred thousand."""
        with open(_LOCAL, encoding="utf-8", errors="surrogateescape") as file:
            found = (self.user(line.partition(":")[0]) for line in file if line[:1] not in "#+-\n")
            return [user for user in found if user is not None]


def _user(entry: pwd.struct_passwd) -> User:
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_gecos, entry.pw_shell)
