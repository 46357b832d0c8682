# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the repository as pages of the manual: README first, then ``docs``, then what is for contributors."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping

HOME = "https://github.com/stalk/celery/blob/main/"
FIRST = "README.md"
INDEX = "index.md"
PARTS = {
    "Manual": [
        "docs/tutorial.md",
        "docs/inventory.md",
        "docs/operations.md",
        "docs/host.md",
        "docs/isolation.md",
        "docs/brokers.md",
        "docs/flower.md",
        "docs/reliability.md",
        "docs/performance.md",
        "docs/migrate.md",
        "docs/troubleshooting.md",
        "docs/comparison.md",
    ],
    "Examples": ["docs/examples/*"],
    "Reference": ["reference/index"],
    "Project": ["docs/architecture.md", "CONTRIBUTING.md", "MAINTAINING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"],
}
_CONTENTS = re.compile(r"^\.\. contents::\n(?:   .*\n)+", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


def pages_of(repository: Mapping[str, str], pictures: Collection[str] = ()) -> dict[str, str]:
    """Return the pages of the manual, by their paths.

    :param repository: path -> text of the Markdown in the repository.
    :param pictures: paths of what the pages show.
    """
    there = {*repository, *pictures}
    pages = {path: _with_links(path, text, there) for path, text in repository.items()}
    pages[INDEX] = f"{pages.pop(FIRST)}\n{_contents(repository)}"
    return pages


def without_contents(text: str) -> str:
    """Return a page of the reference without its table of contents, which the theme shows beside each page."""
    return _CONTENTS.sub("", text)


def _with_links(path: str, text: str, there: Collection[str]) -> str:
    return _LINK.sub(lambda found: _link(path, found[1], there), text)


def _link(path: str, target: str, there: Collection[str]) -> str:
    """Return where a link leads in the manual: to a page of it, or to the file in the repository."""
    if target.startswith("#") or ("://" in target and not target.startswith(HOME)):
        return target
    name, _hash, anchor = target.removeprefix(HOME).partition("#")
    whole = name if target.startswith(HOME) else posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    if whole not in there:
        return HOME + whole
    local = posixpath.relpath(INDEX if whole == FIRST else whole, posixpath.dirname(path) or ".")
    return f"{local}#{anchor}" if anchor else local


def _contents(repository: Mapping[str, str]) -> str:
    """Return the tables of contents, which are shown beside each page."""
    trees = []
    for caption, names in PARTS.items():
        there = [name for name in names if not name.endswith(".md") or name in repository]
        glob = ":glob:\n" if any("*" in name for name in names) else ""
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n{glob}\n" + "\n".join(there) + "\n```\n")
    return "\n".join(trees)
