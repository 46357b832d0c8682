# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which values of somebody else's set-up are secret, or may be: these are never shown. Decides; touches nothing."""

from __future__ import annotations

import re
from typing import Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import CENSORED

_NAME = re.compile(
    r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|SALT|AUTH|PRIVATE|CERT|DSN|SIGN|CRYPT|FERNET|COOKIE|WEBHOOK|LICEN[CS]E",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r":[^\s@]+@")  # also in one that is misspelt
_ACCOUNT = re.compile(r"//(?:([^\s/:@]*):)?\S*@")  # up to the last @, which a password may have too
_INSIDE = re.compile(r"(?i)(?:pass|passwd|password|pwd|secret|token|api_?key)[\"']?\s*[:=]")
_QUERY = re.compile(r"(?i)[?&][^=&\s]*(?:pass|pwd|secret|token|key|sig|auth)[^=&\s]*=")
_TOKEN = re.compile(
    r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
_SHORTEST = 4  # characters of a secret that are looked for elsewhere
_OF_EVERYBODY = ("FLOWER_AUTH", "FLOWER_AUTH_PROVIDER", "FLOWER_OAUTH2_REDIRECT_URI")


def is_secret(name: str, value: str) -> bool:
    """Return whether a variable of that ``name`` has a secret, or a ``value`` that could be one."""
    if not value or name in _OF_EVERYBODY:
        return False
    telling = (_PASSWORD_IN_URL, _INSIDE, _QUERY, _TOKEN)
    return bool(_NAME.search(name)) or any(pattern.search(value) for pattern in telling)


def redacted(name: str, value: str) -> str:
    """Return what of a secret may be known: where a URL leads to, and the names of users."""
    if name == "FLOWER_BASIC_AUTH":
        return ",".join(f"{pair.partition(':')[0]}:{CENSORED}" for pair in value.split(","))
    if "://" not in value or _QUERY.search(value):
        return ""
    shown = _ACCOUNT.sub(lambda found: f"//{found[1] or ''}:{CENSORED}@", value)
    return "" if _TOKEN.search(shown) else shown


def shown(word: str, variables: Mapping[str, str]) -> str:
    """Return a word of a command without what may be a secret in it, also one of ``variables``."""
    for name, value in variables.items():
        if len(value) >= _SHORTEST and is_secret(name, value):
            word = word.replace(value, CENSORED)
    return _TOKEN.sub(CENSORED, _ACCOUNT.sub(lambda found: f"//{found[1] or ''}:{CENSORED}@", word))
