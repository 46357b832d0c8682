# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages of the repository become pages of the manual."""

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.tests.manual.pages import FIRST, HOME, PARTS, pages_of, without_contents
from ansible_collections.stalk.celery.tests.unit.markdown import PAGES, ROOT

REPOSITORY = {
    "README.md": f"[host]({HOME}docs/host.md#logs) [license]({HOME}LICENSE) [celery](https://docs.celeryq.dev)",
    "docs/host.md": "[same](#logs) [other](flower.md) [up](../CONTRIBUTING.md) [start](../README.md)",
    "docs/flower.md": "",
    "docs/examples/one.md": "[inventory](../../inventories/one) [host](../host.md)",
    "CONTRIBUTING.md": "",
}


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("index.md", f"[host](docs/host.md#logs) [license]({HOME}LICENSE) [celery](https://docs.celeryq.dev)"),
        ("docs/host.md", "[same](#logs) [other](flower.md) [up](../CONTRIBUTING.md) [start](../index.md)"),
        ("docs/examples/one.md", f"[inventory]({HOME}inventories/one) [host](../host.md)"),
    ],
)
def test_links_lead_to_pages_or_into_the_repository(page: str, text: str) -> None:
    assert pages_of(REPOSITORY)[page].startswith(text)


def test_pictures_stay_beside_their_page() -> None:
    pages = pages_of({FIRST: "", "docs/host.md": "![seconds](seconds.svg)"}, ["docs/seconds.svg"])
    assert pages["docs/host.md"] == "![seconds](seconds.svg)"


def test_each_page_has_its_place_in_the_contents() -> None:
    listed = {name for names in PARTS.values() for name in names}
    pages = {str(path.relative_to(ROOT)) for path in PAGES if path.relative_to(ROOT).parts[0] != "roles"} - {FIRST}
    assert {page for page in pages if not page.startswith("docs/examples/")} <= listed


def test_pages_that_do_not_exist_are_not_in_the_contents() -> None:
    index = pages_of(REPOSITORY)["index.md"]
    assert "docs/flower.md" in index
    assert "docs/tutorial.md" not in index


def test_the_reference_has_no_contents_of_its_own() -> None:
    assert without_contents("Title\n\n.. contents::\n   :local:\n   :depth: 2\n\nText\n") == "Title\n\n\nText\n"
