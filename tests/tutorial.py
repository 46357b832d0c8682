# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do what docs/tutorial.md says, on two fresh hosts: ``make tutorial``.

A block whose first line is a comment with a path is a file. A block of the console has commands, after ``$``, and lines
of their output: the shown ones have to come, in their order, whatever comes between where the page says ``…``.
The collection is installed from an archive that is built from this tree.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.collection import COPY, ROOT, make_copy
from tests.galaxy import build
from tests.hosts.boot import boot

PAGE = ROOT / "docs" / "tutorial.md"
HOSTS = ["app1=bookworm", "app2=trixie"]
FAILS = "  # fails"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.\w+)\n")
# Identifiers, ages, numbers, the width of columns.
_VARIABLE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+[smhd] ago|(?<![A-Za-z])\d+|\s+|\*+")


@dataclass(frozen=True)
class File:
    """A file that the reader writes."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """What the reader runs and sees."""

    line: str
    fails: bool
    shown: Sequence[str]


def steps(page: str) -> Iterator[File | Command]:
    """Yield what a reader of the page does."""
    for language, text in _BLOCK.findall(page):
        if language == "console":
            yield from _commands(text)
        else:
            named = _FILE.match(text)
            if named:
                yield File(named[1], text)


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *shown = part.splitlines()
        yield Command(line.removesuffix(FAILS), line.endswith(FAILS), [text for text in shown if text.strip("… ")])


def missing(shown: Sequence[str], output: str) -> str:
    """Return the first shown line that the output does not have after those before it, empty if it has all."""
    lines = iter([_general(line) for line in output.splitlines()])
    for wanted in shown:
        pieces = [_general(piece) for piece in wanted.split("…") if piece]
        if not any(all(piece in line for piece in pieces) for line in lines):
            return wanted
    return ""


def _general(line: str) -> str:
    """Return a line without what differs each time."""
    return _VARIABLE.sub(lambda found: " " if found[0].isspace() else "0", line).strip()


def main() -> int:
    """Return 0 if all of it goes as the page says."""
    boot(HOSTS)
    make_copy()
    with TemporaryDirectory() as directory:
        tree, built = Path(directory, "tree"), Path(directory, "built")
        tree.mkdir()
        built.mkdir()
        archive = build(COPY, built)
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(Path(directory, "collections")), "NO_COLOR": "1"}
        for step in steps(PAGE.read_text(encoding="utf-8")):
            if isinstance(step, File):
                (tree / step.path).parent.mkdir(exist_ok=True)
                (tree / step.path).write_text(step.text, encoding="utf-8")
                continue
            print(f"$ {step.line}", flush=True)
            line = re.sub(r"(?<=install )stalk\.celery$", str(archive), step.line)
            result = subprocess.run(
                ["bash", "-c", line],
                cwd=tree,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            lost = missing(step.shown, result.stdout)
            if lost or bool(result.returncode) != step.fails:
                print(f"{result.stdout}\nexit status {result.returncode}; not seen: {lost or 'nothing'}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
