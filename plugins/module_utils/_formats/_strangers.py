# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stranger says, made fit to be shown and used: lines of text, and plain data of a known shape. Touches nothing.

A stranger is everybody but root: what an environment's user can write, print, answer or name. A ``reader`` takes a
value and returns what may be used of it, or raises ShapeError.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Collection, Iterable

Reader = Callable[[Any], Any]

LINE = 1000  # characters
LINES = 30
_NAME = 255
_TEXT = 65536  # characters of which more is not even looked at
_LARGEST = 2**53  # that every JSON parser reads as it is written
_DIGITS = 4000
_MOST = 10000  # elements of a list or dict
_DEEPEST = 50
_UNUSUAL = re.compile("[^ -~]")
# What str.isprintable lets through and shows nothing: fillers and variation selectors.
_INVISIBLE = re.compile("[\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_RUN = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SURROGATE = re.compile("[\ud800-\udfff]")


class ShapeError(ValueError):
    """A value is not what it should be: ``place`` in the whole, and what was ``wanted`` there."""

    def __init__(self, wanted: str, place: str = "") -> None:
        super().__init__(f"{place or 'it'} is not {wanted}")
        self.wanted = wanted
        self.place = place

    def below(self, parent: str) -> ShapeError:
        return ShapeError(self.wanted, f"{parent}.{self.place}" if self.place else parent)


def text(value: object, limit: int = LINE) -> str:
    """``value`` as one line of at most ``limit`` characters. What does not show, or moves what does, is escaped."""
    whole = str(value)
    shown = _UNUSUAL.sub(_shown, whole[: limit + 1])
    return shown if len(shown) <= limit and len(whole) <= limit else f"{shown[: limit - 1]}…"


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    return " " if character == "\t" else ascii(character)[1:-1]


def lines(value: object, most: int = LINES) -> list[str]:
    """Return the last lines of ``value``, as ``text`` shows them, without those at the ends that are empty."""
    return [text(line) for line in str(value)[-_TEXT:].strip().splitlines()[-most:]]


def headed(value: object, most: int = LINES) -> list[str]:
    """Return the first line of ``value``, which says what the others are about, and the last ones."""
    first, _newline, rest = str(value)[:_TEXT].strip().partition("\n")
    return [text(first), *lines(rest, most)]


def quoted(said: Iterable[str]) -> str:
    """Return the lines ``said`` below a line of ours, so that none of them can be taken for one of ours."""
    return "".join(f"\n    | {line}" for line in said)


def requoted(value: object) -> str:
    """Return a text that has been through ``headed`` and ``quoted`` elsewhere, where nobody may have done it."""
    first, *others = headed(value, 4 * LINES) or [""]
    return first + quoted(re.sub(r"^ *(\| )?", "", line) for line in others)


def cleaned(value: Any, depth: int = _DEEPEST) -> Any:
    """Plain data with all strings shown as ``text`` does, but for the newlines, which are ours."""
    if isinstance(value, str):
        return "\n".join(text(line, _TEXT) for line in value.split("\n"))
    if depth and isinstance(value, dict):
        return {cleaned(key): cleaned(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, (list, tuple)):
        return [cleaned(item, depth - 1) for item in value]
    return value if depth or not isinstance(value, (dict, list, tuple)) else "…"


def parsed(document: str) -> Any:
    """Return the data in a JSON ``document``. Raises ShapeError for what is none, or could not be handled."""
    try:
        return json.loads(document, parse_int=_integer, parse_constant=str, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        raise ShapeError("JSON") from None


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError("a number that takes long to read")
    return int(digits)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key that is there twice")
    return result


def string(value: Any) -> str:
    """Return a line of text."""
    if not isinstance(value, str):
        raise ShapeError("a text")
    return text(value)


def name(value: Any) -> str:
    """Return a name of something."""
    if not isinstance(value, str) or not 0 < len(value) <= _NAME:
        raise ShapeError(f"a name of at most {_NAME} characters")
    return text(value)


def several_lines(value: Any) -> str:
    """Return a text that is to go through ``headed``."""
    if not isinstance(value, str):
        raise ShapeError("a text")
    return value[:_TEXT]


def number(value: Any) -> Any:
    """Return a number of things, or of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LARGEST:
        raise ShapeError("a number of something")
    return value


def flag(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ShapeError("true or false")
    return value


def plain(value: Any) -> Any:
    """Any data that JSON can hold, as it is, unless it is too deep to be handed on."""
    _measure(value, _DEEPEST)
    return value


def _measure(value: Any, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if not depth:
            raise ShapeError(f"data of at most {_DEEPEST} levels")
        for item in value.values() if isinstance(value, dict) else value:
            _measure(item, depth - 1)


def encodable(value: Any) -> Any:
    """Plain data without halves of characters, which nothing could write."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, list) else value


def run(value: Any) -> str:
    """Return the name of a run."""
    if not isinstance(value, str) or not _RUN.fullmatch(value):
        raise ShapeError("the name of a run")
    return value


def one_of(*values: str) -> Reader:
    """Return a reader of one of a few words."""

    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in values:
            raise ShapeError(f"one of {', '.join(values)}")
        return value

    return read


def maybe(reader: Reader) -> Reader:
    """Return a reader that takes none as well."""
    return lambda value: None if value is None else reader(value)


def known(reader: Reader, default: Any = None) -> Reader:
    """Return a reader that takes ``default`` for what it cannot read."""

    def read(value: Any) -> Any:
        try:
            return reader(value)
        except ShapeError:
            return default

    return read


def items(reader: Reader) -> Reader:
    """Return a reader of a list."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > _MOST:
            raise ShapeError(f"a list of at most {_MOST}")
        return [_at(str(index), reader, item) for index, item in enumerate(value)]

    return read


def table(reader: Reader) -> Reader:
    """Return a reader of a dict whose keys are names."""

    def read(value: Any) -> dict[str, Any]:
        return {text(key): _at(text(key), reader, item) for key, item in _dict(value).items()}

    return read


def keyed(names: Collection[str], reader: Reader) -> Reader:
    """Return a reader of a dict with exactly these keys; what else is there is left out."""
    return fields(dict.fromkeys(names, reader))


def fields(readers: dict[str, Reader]) -> Reader:
    """Return a reader of a dict that has a reader for each key; what else is there is left out."""

    def read(value: Any) -> dict[str, Any]:
        found = _dict(value)
        return {name: _at(name, reader, found.get(name)) for name, reader in readers.items()}

    return read


def some(readers: dict[str, Reader], *needed: str) -> Reader:
    """Return a reader of a dict that has the ``needed`` ones of these keys, and perhaps others of them."""

    def read(value: Any) -> dict[str, Any]:
        for missing in [name for name in needed if name not in _dict(value)]:
            raise ShapeError("there", missing)
        return {name: _at(name, readers[name], item) for name, item in _dict(value).items() if name in readers}

    return read


def _dict(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict) or len(value) > _MOST:
        raise ShapeError(f"a dict of at most {_MOST} keys")
    return value


def _at(place: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except ShapeError as error:
        raise error.below(place) from None
