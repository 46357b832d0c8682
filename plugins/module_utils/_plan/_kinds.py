# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of services. Touches nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind: its ``key`` in an environment, and what the names of its variables begin with.

    Of a kind that ``is_one`` an environment has one service, which is named after it; of others it has a list.
    """

    name: str
    key: str
    prefix: str
    is_one: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind("worker", "workers", "CELERYD", is_one=False),
        Kind("beat", "beat", "CELERYBEAT"),
        Kind("flower", "flower", "FLOWER"),
    )
}
