# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build what a tag releases: ``python -m tests.release TAG``.

The archive and the release notes go to .cache/release. Nothing is published.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from tests.collection import COPY, ROOT, make_copy
from tests.galaxy import build

TARGET = ROOT / ".cache" / "release"


def problems(tag: str, version: str, released: Collection[str], fragments: Collection[str]) -> list[str]:
    """Return what speaks against a release.

    :param version: what galaxy.yml says.
    :param released: the versions that the changelog has.
    :param fragments: files of changes that no release has yet.
    """
    found = []
    if tag != version:
        found.append(f"The tag is {tag}, and galaxy.yml has version {version}. Give both the same version.")
    if version not in released:
        found.append(f"changelogs/changelog.yaml has no release {version}. Run 'antsibull-changelog release'.")
    if fragments:
        found.append(f"{', '.join(sorted(fragments))} in changelogs/fragments: run 'antsibull-changelog release'.")
    return found


def _read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def main() -> int:
    """Return 0 if the archive and the notes of this release were made."""
    (tag,) = sys.argv[1:]
    found = problems(
        tag,
        _read("galaxy.yml")["version"],
        _read("changelogs/changelog.yaml")["releases"],
        [path.name for path in Path(ROOT, "changelogs", "fragments").glob("*.y*ml")],
    )
    if found:
        sys.exit("\n".join(found))
    if TARGET.exists():
        shutil.rmtree(TARGET)
    TARGET.mkdir(parents=True)
    make_copy()
    print(build(COPY, TARGET))
    notes = ["--output", str(TARGET / "notes.md"), "--output-format", "md", "--only-latest"]
    return subprocess.run(["antsibull-changelog", "generate", *notes], cwd=COPY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
