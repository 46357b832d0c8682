# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the manual: ``make docs``. Any warning is an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.collection import COPY, ROOT, make_copy
from tests.manual.ansible import objects
from tests.manual.pages import pages_of, without_contents

TARGET = ROOT / ".cache" / "manual"
SOURCE = TARGET / "source"
HTML = TARGET / "html"


def main() -> int:
    """Return the exit status of Sphinx."""
    make_copy()
    if TARGET.exists():
        shutil.rmtree(TARGET)
    reference = SOURCE / "reference"
    reference.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "conf.py", SOURCE)
    (SOURCE / "ansible.inv").write_bytes(objects())
    markdown = [*COPY.glob("*.md"), *COPY.glob("docs/**/*.md")]
    repository = {str(path.relative_to(COPY)): path.read_text(encoding="utf-8") for path in markdown}
    pictures = [str(path.relative_to(COPY)) for path in COPY.glob("docs/**/*.svg")]
    for path, text in pages_of(repository, pictures).items():
        (SOURCE / path).parent.mkdir(parents=True, exist_ok=True)
        (SOURCE / path).write_text(text, encoding="utf-8")
    for path in pictures:
        shutil.copy(COPY / path, SOURCE / path)
    options = ["--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", str(reference)]
    subprocess.run(
        ["antsibull-docs", "collection", *options, "stalk.celery"],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COPY.parents[2])},
        check=True,
    )
    for page in reference.glob("*.rst"):
        page.write_text(without_contents(page.read_text(encoding="utf-8")), encoding="utf-8")
    built = subprocess.run(
        ["sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "-j", "auto", str(SOURCE), str(HTML)],
        check=False,
    )
    print(HTML / "index.html")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
