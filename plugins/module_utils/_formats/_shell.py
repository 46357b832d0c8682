# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a shell script runs, as far as that can be told without running it. Decides; touches nothing.

Assignments, ``export``, ``cd`` and quotes are followed; branches are taken to be gone through. What only a shell knows
(``$(...)``, a variable that nothing sets) stays as it is written.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Iterator, Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-=]([^{}$`]*))?\})")
_TOKEN = re.compile(
    r"""(?P<end>\n|;;?|&&?|\|\|?)|(?P<space>\s+)|(?P<comment>(?<![^\s;&|])\#[^\n]*)
    |(?P<redirection>[0-9]*[<>]+&?[ \t]*[^\s;&|]*)|'(?P<single>[^']*)'
    |"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<run>\$\([^()]*\)|`[^`]*`)
    |(?P<variable>\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^{}]*\}))|(?P<plain>[^\s;&|<>'"\\$`]+|.)""",
    re.DOTALL | re.VERBOSE,
)
_PART = re.compile(r'\\(["\\$`])|[^\\]+|\\')  # of a text in double quotes
_KEYWORDS = ("if", "then", "else", "elif", "do", "while", "until", "!", "{", "(", "time", "exec", "nohup", "setsid")
_UNKNOWN = re.compile(r"\$[A-Za-z_{(@*#?0-9]|`")
_LONGEST = 1 << 17  # characters of a value


@dataclass(frozen=True)
class Command:
    """A command of a script: its ``words``, and what it finds when the script has come so far."""

    words: tuple[str, ...]
    directory: str
    variables: Mapping[str, str]
    exported: Mapping[str, str]


def is_open(text: str) -> bool:
    """Return whether a text has what only a shell could tell."""
    return bool(_UNKNOWN.search(text))


def commands(text: str, variables: Mapping[str, str], directory: str = "") -> Iterator[Command]:
    """Yield the commands of ``text``, in order, with an empty one at the end, which shows what the script has set.

    ``variables`` are there and exported at its beginning.
    """
    known, exported = dict(variables), dict(variables)
    for words in _parsed(text.replace("\\\n", " "), known):
        own, rest = _assigned(words)
        if rest[:1] == ["export"]:
            own, names = _assigned(rest[1:])
            exported.update({name: known.get(name, "") for name in names if _NAME.fullmatch(name)})
            exported.update(own)
        if not rest or rest[0] == "export":
            known.update(own)
            exported.update({name: value for name, value in own.items() if name in exported})
        elif rest[0] == "cd" and len(rest) > 1:
            directory = os.path.normpath(os.path.join(directory, rest[1]))
        else:
            yield Command(tuple(rest), directory, dict(known), {**exported, **own})
    yield Command((), directory, known, exported)


def _assigned(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the assignments at the beginning of a command, and the rest of it."""
    while words and words[0] in _KEYWORDS:
        words = words[1:]
    own: dict[str, str] = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals or not _NAME.fullmatch(name):
            return own, words[index:]
        own[name] = value[:_LONGEST]
    return own, []


def _parsed(text: str, known: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the simple commands of ``text``, with the variables that are ``known`` at that point of the script."""
    words: list[str] = []
    word: str | None = None
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or ""
        if kind in ("end", "space", "comment", "redirection"):
            words += [] if word is None else [word]
            word = None
            if kind == "end" and words:
                yield words
                words = []
            continue
        if kind == "variable" and word is None:
            parts = _expanded(token[0], known).split()
            words += parts[:-1]
            word = parts[-1] if parts else None
        else:
            word = ((word or "") + _meaning(kind, token[kind], known))[:_LONGEST]
    words += [] if word is None else [word]
    if words:
        yield words


def _meaning(kind: str, text: str, known: Mapping[str, str]) -> str:
    if kind == "double":
        return _PART.sub(lambda part: part[1] or _expanded(part[0], known), text)
    return _expanded(text, known) if kind == "variable" else text


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """``text`` with its variables put in; one that nothing sets stays as it is written."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return known.get(name) or (found[0] if found[3] is None and name not in known else found[3] or "")

    return _VARIABLE.sub(value, text)[:_LONGEST]
