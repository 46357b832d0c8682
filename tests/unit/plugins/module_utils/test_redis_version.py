# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan import _redis_version

POLICY = """redis-server:
  Installed: (none)
  Candidate: {}
  Version table:
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=c2fbb5c8", "7.0.15"),
        ("Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", "8.1.1"),
        ("what is this", ""),
    ],
)
def test_the_version_of_a_server_is_what_it_prints(text: str, expected: str) -> None:
    assert _redis_version.of_server(text) == expected


@pytest.mark.parametrize(
    ("candidate", "expected"), [("5:6.0.16-1+deb11u2", "6.0.16"), ("8.1.1+dfsg1-3", "8.1.1"), ("(none)", "")]
)
def test_the_version_of_a_package_is_known_before_it_is_installed(candidate: str, expected: str) -> None:
    assert _redis_version.candidate_of_apt(POLICY.format(candidate)) == expected


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("6.0.16", False),
        ("5.0.3", False),
        ("6.2.6", False),
        ("6.2.7", True),
        ("7.0.15", True),
        ("8.0.2", True),
        ("", True),
    ],
)
def test_a_redis_that_cannot_keep_environments_apart_is_refused(version: str, fits: bool) -> None:
    found = _redis_version.problems(version, ["live", "uat"], "redis1")
    assert (found == []) == fits
    for text in found:
        assert f"celery_live.broker, celery_uat.broker: redis1 has Redis {version}" in text
        assert "6.2.7 or later" in text
