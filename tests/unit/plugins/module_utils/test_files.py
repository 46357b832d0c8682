# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._host._disk import unknown_accounts
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, Directory, marker


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Managed by stalk.celery: live/worker/w1. Ansible overwrites local changes.\n", "live/worker/w1"),
        ("# Managed by stalk.celery: live/worker/w1.2. Ansible\n", "live/worker/w1.2"),
        ("# Managed by stalk.celery: live/worker/w1", "live/worker/w1"),
        ("Summary: Managed by stalk.celery: live/environment/library.", "live/environment/library"),
        ("#!/bin/sh\n\n# Managed by stalk.celery: live/environment/command.\n", "live/environment/command"),
        ("1\n2\n3\n# Managed by stalk.celery: live/worker/w1.\n", None),
        ("# Managed by stalk.celery:\n", None),
        ("# managed by Stalk.Celery: live/worker/w1.\n", None),
        ("", None),
    ],
)
def test_marker(text: str, expected: str | None) -> None:
    assert marker(text.encode()) == expected


def test_the_templates_of_the_role_have_their_markers_where_they_are_found() -> None:
    templates = Path(__file__).parents[4] / "roles/celery_service/templates"
    paths = [path for path in templates.rglob("*.j2") if "marker_line" in path.read_text(encoding="utf-8")]
    assert paths
    for path in paths:
        assert any("marker_line |" in line for line in path.read_text(encoding="utf-8").splitlines()[:3])


def test_unknown_accounts_are_told_with_all_their_paths() -> None:
    wanted = [Directory(path, Attributes("no-such-user", "root", 0o755)) for path in ("/a", "/b")]
    assert unknown_accounts(wanted) == ["user 'no-such-user' of /a, /b does not exist on this host."]
