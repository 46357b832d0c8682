# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check an inventory: its names, or when these are right its environments, or their brokers."""

from __future__ import annotations

from ansible_collections.stalk.celery.plugins.plugin_utils._check._environments import problems_of_environments
from ansible_collections.stalk.celery.plugins.plugin_utils._check._names import problems_of_names
from ansible_collections.stalk.celery.plugins.plugin_utils._check._realms import problems_of_realms
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._inventory import Inventory


def problems_of(inventory: Inventory) -> list[str]:
    """Return what is wrong; each problem names the variable, and what to write instead.

    None shows the value of a variable of an environment.
    """
    names, groups, host, run, hostvars = (
        inventory.names,
        inventory.groups,
        inventory.host,
        inventory.run,
        inventory.hostvars,
    )
    return (
        problems_of_names(names, groups)
        or problems_of_environments(names, inventory.variables, run, groups, host, hostvars)
        or problems_of_realms(names, run, groups, host, hostvars)
    )
