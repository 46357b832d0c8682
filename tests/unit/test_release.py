# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tag releases what galaxy.yml and the changelog say."""

from __future__ import annotations

from ansible_collections.stalk.celery.tests.release import problems


def test_a_release_has_one_version_everywhere_and_no_open_changes() -> None:
    assert problems("1.1.0", "1.1.0", ["1.0.0", "1.1.0"], []) == []


def test_another_tag_an_unwritten_changelog_and_open_changes_are_refused() -> None:
    found = problems("v1.1.0", "1.1.0", ["1.0.0"], ["units.yml"])
    assert [problem.split()[0] for problem in found] == ["The", "changelogs/changelog.yaml", "units.yml"]
