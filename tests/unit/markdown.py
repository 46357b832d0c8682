# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the Markdown of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("roles/*/README.md"),
    ]
)
HOME = "https://github.com/stalk/celery/blob/main/"  # Galaxy shows the README, where relative links lead nowhere
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"<!-- example: .+ -->\n+\Z")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    page: str
    line: int
    language: str
    text: str
    is_example: bool  # marked as not to be run

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages, of all languages or of some."""
    found = [block for page in PAGES for block in _of_page(page)]
    return [block for block in found if not languages or block.language in languages]


def _of_page(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        name = str(page.relative_to(ROOT))
        yield Block(name, before.count("\n") + 1, match[1], match[2], bool(_EXAMPLE.search(before)))


def links(page: Path) -> list[str]:
    """Return where the links of a page lead, those into the repository as paths relative to the page."""
    return [target.replace(HOME, "") for target in _LINK.findall(without_code(page.read_text(encoding="utf-8")))]


def anchors(page: Path) -> set[str]:
    """Return the fragments that lead to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", text)
