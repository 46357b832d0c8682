# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web pages of test hosts, as programs on the hosts get them."""

from __future__ import annotations

import json
from collections.abc import Collection

from tests.fleet import on_host
from tests.work import eventually

GET = """
import base64, sys, urllib.error, urllib.request

url, credentials = sys.argv[1:]
headers = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()} if credentials else {}
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode(), sep="\\n")
"""


def page(host: str, url: str, credentials: str = "", user: str = "root") -> tuple[int, str]:
    """Return status and text of a page, as a user of the host gets it."""
    status, text = on_host(host, "python3", "-", url, credentials, user=user, stdin=GET).split("\n", 1)
    return int(status), text


def assert_flower_shows(nodes: Collection[str], host: str, url: str, credentials: str = "") -> None:
    """Assert that Flower at an address finds these nodes and no others.

    In a second look, if one does not answer within the second that Flower gives it: a busy host is slower.
    """

    def shown() -> set[str]:
        status, text = page(host, f"{url}/api/workers?refresh=true", credentials)
        assert status == 200
        return set(json.loads(text))

    eventually("all workers in Flower", lambda: shown() >= set(nodes), 20)
    assert shown() == set(nodes)
