# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check who may use an environment's Flower, and where it listens. No message shows a secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

GUARD = 'Write basic_auth: ["NAME:PASSWORD"], with the password from your vault, or auth with an OAuth provider.'
_SECRET_FLAGS = {"--cookie-secret": "FLOWER_COOKIE_SECRET", "--broker-api": "FLOWER_BROKER_API"}
_OAUTH = ("auth_provider", "oauth2_key", "oauth2_secret", "oauth2_redirect_uri")
_CREDENTIALS = re.compile(r"[ -+.-9;-~-]+:[ -+.-~-]+")  # printable ASCII without commas; no : in the name
_URL_PREFIX = re.compile(r"/?[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*/?")


def guarded(flower: Mapping[str, Any]) -> bool:
    """Return whether Flower asks who it is that wants to look."""
    return bool(flower.get("basic_auth") or flower.get("auth"))


def problems_of_flower(path: str, flower: Mapping[str, Any]) -> Iterator[str]:
    """Check the complete Flower of an environment.

    :param path: its name for messages, as ``celery_live.flower``.
    """
    address = flower["address"]
    if not guarded(flower) and not _is_loopback(address):
        where = repr(address) if address else "empty, every address of the host"
        yield f"{path}.address is {where}, and anyone who can reach it could see every task and stop workers. {GUARD}"
    if not _URL_PREFIX.fullmatch(flower.get("url_prefix", "flower")):
        yield f"{path}.url_prefix is {flower['url_prefix']!r}. Write a path of letters, digits, _ and -, as flower."
    for index, credentials in enumerate(flower.get("basic_auth", [])):
        if not _CREDENTIALS.fullmatch(credentials):
            yield (
                f"{path}.basic_auth[{index}] cannot be used: Flower takes NAME:PASSWORD in ASCII, "
                "without commas. Choose another password, or correct its form."
            )
    for option in flower["options"]:
        variable = _SECRET_FLAGS.get(f"--{option.partition('=')[0].lstrip('-').replace('_', '-')}")
        if variable:
            yield f"{path}.options has a secret, which every user could read. Write {variable} into {path}.environment."
    yield from _problems_of_oauth(path, flower)


def _problems_of_oauth(path: str, flower: Mapping[str, Any]) -> Iterator[str]:
    for key in _OAUTH:
        if flower.get("auth") and not flower.get(key):
            yield f"{path}.{key} is missing: OAuth login cannot work without it, and {path}.auth asks for it."
        elif flower.get(key) and not flower.get("auth"):
            yield f"{path}.{key} works only with auth. Write into {path}.auth who may log in, as .*@example.com."


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
