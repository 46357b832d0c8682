# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users, groups and homes that a host has for environments."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._host import _paths
from ansible_collections.stalk.celery.plugins.module_utils._host._nss import Nss
from ansible_collections.stalk.celery.plugins.module_utils._plan import _accounts


def look_up(environments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ``accounts`` of environments by their names, and the ``problems`` with them."""
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
