# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan import _requirements


@pytest.mark.parametrize(
    ("packages", "lines", "files"),
    [
        (["celery[redis]==5.7.0", " django "], ["celery[redis]==5.7.0", "django"], []),
        (["-r /srv/app/requirements.txt"], ["-r /srv/app/requirements.txt"], ["/srv/app/requirements.txt"]),
        (["-r", "/srv/a.txt", "six"], ["-r /srv/a.txt", "six"], ["/srv/a.txt"]),
        (["-r/srv/a.txt", "--requirement=/b.txt"], ["-r /srv/a.txt", "-r /b.txt"], ["/srv/a.txt", "/b.txt"]),
        (["--constraint /srv/c.txt"], ["-c /srv/c.txt"], ["/srv/c.txt"]),
        (["/srv/app/dist/app-1.0-py3-none-any.whl"], ["/srv/app/dist/app-1.0-py3-none-any.whl"], []),
        (["app @ git+https://example.org/app@v1"], ["app @ git+https://example.org/app@v1"], []),
        (['tzdata; sys_platform == "win32"'], ['tzdata; sys_platform == "win32"'], []),
    ],
)
def test_packages_are_specifiers_and_files_of_them(packages: list[str], lines: list[str], files: list[str]) -> None:
    assert _requirements.lines(packages) == lines
    assert _requirements.files(packages) == files
    assert list(_requirements.problems(packages, "celery_live.packages")) == []


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (["-r requirements.txt"], "-r with 'requirements.txt', which is no absolute path"),
        (["-r"], "-r with '', which is no absolute path"),
        (["-r", "six"], "-r with 'six', which is no absolute path"),
        (["-r /srv/my app/r.txt"], "Use a path without blanks"),
        (["--index-url=https://me:secret@example.org/simple"], "'--index-url', an option of pip"),
        (["--extra-index-url https://me:secret@example.org"], "belong in the user's pip.conf"),
        (["-e /srv/app"], "'-e', an option of pip"),
        (["-t/etc"], "'-t/etc', an option of pip"),
        (["six\n--index-url=https://example.org"], "without control characters"),
        (["six\r-e /"], "without control characters"),
        (["six\\"], "without control characters"),
        ([""], "which is no requirement specifier"),
        (["# six"], "which is no requirement specifier"),
        (["$(id)"], "which is no requirement specifier"),
    ],
)
def test_what_pip_would_take_for_something_else_is_refused(packages: list[str], expected: str) -> None:
    """With what to write instead, and never with the password of an index."""
    [problem] = _requirements.problems(packages, "celery_live.packages")
    assert problem.startswith("celery_live.packages has ")
    assert expected in problem
    assert "secret" not in problem
