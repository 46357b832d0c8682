# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``packages`` of an environment may name: requirement specifiers, and files of them. Touches nothing."""

from __future__ import annotations

import re
from typing import Iterator, Sequence

_OPTIONS = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_FILE = re.compile(r"(?P<option>--requirement|--constraint|-r|-c)(?:\s*=\s*|\s+|(?=/)|$)(?P<path>.*)")
_SPECIFIER = re.compile(r"[A-Za-z0-9./][^\r\n]*")
_PRINTABLE = "Write it on one line, without control characters."


def lines(packages: Sequence[str]) -> list[str]:
    """Return the lines of a requirements file that says the same, in which every option has its file."""
    return [f"{option} {text}" if option else text for option, text in _parsed(packages)]


def files(packages: Sequence[str]) -> list[str]:
    """Return the paths of the files that ``packages`` names."""
    return [text for option, text in _parsed(packages) if option]


def problems(packages: Sequence[str], path: str) -> Iterator[str]:
    """Yield what is wrong with ``packages``.

    :param path: its name for messages, as ``celery_live.packages``.
    """
    for option, text in _parsed(packages):
        sentence = _problem_of_file(option, text) if option else _problem_of_specifier(text)
        if sentence:
            yield f"{path} has {sentence}"


def _parsed(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the option and the file of each element, or no option and the specifier. ``[-r, FILE]`` are two of one."""
    elements = iter(packages)
    for element in elements:
        found = _FILE.fullmatch(element.strip())
        if found:
            yield _OPTIONS[found["option"]], found["path"].strip() or next(elements, "").strip()
        else:
            yield "", element.strip()


def _problem_of_file(option: str, path: str) -> str:
    if not path.startswith("/"):
        return f"{option} with {path!r}, which is no absolute path. Write it from the root: {option} /srv/app/reqs.txt."
    if not path.isprintable() or re.search(r"[\s#\\'\"$]", path):
        return f"{option} with {path!r}. Use a path without blanks, quotes, #, $ and backslashes."
    return ""


def _problem_of_specifier(text: str) -> str:
    if text.startswith("-"):
        return (
            f"{text.split('=')[0].split()[0]!r}, an option of pip. Of these only -r FILE and -c FILE are packages; an "
            "index and its password belong in the user's pip.conf or uv.toml, where no other user reads them."
        )
    if not text.isprintable() or text.endswith("\\"):
        return f"{text!r}. {_PRINTABLE}"
    if not _SPECIFIER.fullmatch(text):
        return f"{text!r}, which is no requirement specifier. Write one as in celery[redis]==5.5.3, or -r FILE."
    return ""
