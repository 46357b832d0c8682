# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files as systemd, logrotate and systemd-sysusers do; that they do is seen on the hosts of scenario changes."""

from __future__ import annotations

import ast
import re

WHITE_SPACE = " \t\n\r"
_ESCAPABLE = '"\\`$'


def unit(text: str) -> list[tuple[str, str, str]]:
    """Return section, name and value of each assignment of a unit, see config_parse() of systemd."""
    found: list[tuple[str, str, str]] = []
    section, continued = "", ""
    for line in re.split("[\n\r\0]", text):
        if line.lstrip(WHITE_SPACE)[:1] in ("", "#", ";"):
            continue
        joined = continued + line
        if len(re.findall(r"\\+$", joined)) and len(re.findall(r"\\+$", joined)[0]) % 2:
            continued = f"{joined[:-1]} "
            continue
        continued = ""
        stripped = joined.strip(WHITE_SPACE)
        if stripped.startswith("["):
            section = stripped[1:-1]
        elif "=" in stripped:
            name, _equals, value = stripped.partition("=")
            found.append((section, name.strip(WHITE_SPACE), value.strip(WHITE_SPACE)))
    return found


def without_specifiers(value: str) -> str:
    """Return what systemd makes of a value in which it expands specifiers. Raise ValueError if there is one."""
    if re.search("%[A-Za-z]", value.replace("%%", "")):
        raise ValueError(f"a specifier in {value!r}")
    return value.replace("%%", "%")


def environment(text: str) -> dict[str, str]:
    """Return the variables of an environment file, see parse_env_file_internal() of systemd."""
    reader = _EnvironmentFile()
    for character in text:
        reader.state = getattr(reader, reader.state)(character)
    reader.end()
    return reader.variables


class _EnvironmentFile:
    """The states of the reader; each takes a character and returns the next one."""

    def __init__(self) -> None:
        self.state, self.key, self.value, self.blank = "before_key", "", "", ""
        self.variables: dict[str, str] = {}

    def end(self) -> None:
        if self.state not in ("before_key", "in_key", "comment", "comment_escape"):
            self.push()

    def push(self) -> str:
        if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", self.key.strip(WHITE_SPACE)):
            self.variables[self.key.strip(WHITE_SPACE)] = self.value
        self.key, self.value, self.blank = "", "", ""
        return "before_key"

    def before_key(self, character: str) -> str:
        if character in "#;":
            return "comment"
        if character in WHITE_SPACE:
            return "before_key"
        self.key = character
        return "in_key"

    def in_key(self, character: str) -> str:
        if character in "\n\r":
            self.key = ""
            return "before_key"
        if character == "=":
            return "before_value"
        self.key += character
        return "in_key"

    def before_value(self, character: str) -> str:
        if character in "\n\r":
            return self.push()
        if character in "'\"":
            return "single" if character == "'" else "double"
        if character == "\\":
            return "value_escape"
        if character in WHITE_SPACE:
            return "before_value"
        self.value += self.blank + character
        self.blank = ""
        return "in_value"

    def in_value(self, character: str) -> str:
        if character in "\n\r":
            return self.push()
        if character == "\\":
            self.value, self.blank = self.value + self.blank, ""
            return "value_escape"
        if character in WHITE_SPACE:
            self.blank += character
        else:
            self.value, self.blank = self.value + self.blank + character, ""
        return "in_value"

    def value_escape(self, character: str) -> str:
        self.value += "" if character in "\n\r" else character
        return "in_value"

    def single(self, character: str) -> str:
        if character == "'":
            return "before_value"
        self.value += character
        return "single"

    def double(self, character: str) -> str:
        if character == '"':
            return "before_value"
        if character == "\\":
            return "double_escape"
        self.value += character
        return "double"

    def double_escape(self, character: str) -> str:
        if character in _ESCAPABLE:
            self.value += character
        elif character != "\n":
            self.value += f"\\{character}"
        return "double"

    def comment(self, character: str) -> str:
        return {"\\": "comment_escape", "\n": "before_key", "\r": "before_key"}.get(character, "comment")

    def comment_escape(self, character: str) -> str:
        return "comment"


def words(text: str) -> list[str]:
    """Return the words of a variable, see extract_first_word() of systemd with EXTRACT_UNQUOTE and EXTRACT_RELAX."""
    found: list[str] = []
    word, quote, escaped = None, "", False
    for character in text:
        if escaped:
            word, escaped = (word or "") + character, False
        elif character == "\\":
            word, escaped = word or "", True
        elif quote:
            word, quote = (word, "") if character == quote else ((word or "") + character, quote)
        elif character in "'\"":
            word, quote = word or "", character
        elif character not in WHITE_SPACE:
            word = (word or "") + character
        elif word is not None:
            found.append(word)
            word = None
    return found if word is None else [*found, word]


def logrotate(text: str) -> list[tuple[list[str], list[str]]]:
    """Return the patterns and the directives of each block. Raise ValueError for what is none of ours."""
    found = []
    lines = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    position = 0
    while lines[position:].strip():
        block = re.compile(r"\s*([^{}\"'\\]*?)\s*\{\n([^{}]*)\}\n").match(lines, position)
        if not block:
            raise ValueError(f"no block: {lines[position:]!r}")
        found.append((block[1].split(), [line.strip() for line in block[2].splitlines()]))
        position = block.end()
    return found


def sysusers(text: str) -> list[list[str]]:
    """Return the fields of each line of a file of sysusers.d."""
    lines = (line.strip(WHITE_SPACE) for line in re.split("[\n\r\0]", text))
    return [[without_specifiers(field) for field in words(line)] for line in lines if line and line[0] not in "#;"]


def options(text: str) -> list[str]:
    """Return the list OPTIONS of a Python program."""
    assignments = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    own = [node.value for node in assignments if ast.unparse(node.targets[0]) == "OPTIONS"]
    return [str(option) for option in ast.literal_eval(own[0])]
