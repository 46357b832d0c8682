# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service unit with its drop-ins starts (systemd.service(5), systemd.exec(5)). Decides; touches nothing."""

from __future__ import annotations

import re
from typing import Callable, Iterable, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats._unit_file import settings
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import SYSTEMD, SetUp

Lines = Callable[[str], None]
Read = Callable[[str], str]

_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|[^\s"'\\])+""", re.DOTALL)
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\\.|[^"'\\]+)""", re.DOTALL)
_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "s": " ", "r": "\r"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SPECIFIER = re.compile(r"%([A-Za-z%])")
_ENTRY = re.compile(
    r"""^[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^"'\\\n])*)""",
    re.MULTILINE | re.DOTALL,
)
_LISTS = ("ExecStart", "ExecStartPre", "ExecStartPost", "Environment", "EnvironmentFile", "UnsetEnvironment", "After")
_TOLD = ("ExecStart", "Environment", "EnvironmentFile", "User", "Group", "WorkingDirectory")


def words(text: str) -> list[str]:
    """Return the words of a command or a list, without quotes. Raises ValueError for a quote that is not closed."""
    if _WORD.sub("", text).strip():
        raise ValueError("a quote is not closed")
    return [_unquoted(word) for word in _WORD.findall(text)]


def _unquoted(word: str) -> str:
    return "".join(_unescaped(double or single or plain) for double, single, plain in _QUOTED.findall(word))


def _unescaped(text: str) -> str:
    def meaning(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _CONTROLS.get(code, code)

    return _ESCAPED.sub(meaning, text)


def environment_file(text: str) -> dict[str, str]:
    """Return the variables in a file that EnvironmentFile= names; nothing is expanded in it."""
    joined = re.sub(r"(?m)^[ \t]*[#;].*$", "", text).replace("\\\n", "")
    return {name: _unquoted(value.strip()) for name, value in _ENTRY.findall(joined)}


def set_up(unit: str, source: str, texts: Iterable[str], read: Read, host: str, say: Lines) -> list[SetUp]:
    """Return what ``unit`` starts, one for each of its commands.

    :param source: the path of its file.
    :param texts: the texts of the file and of its drop-ins, in the order in which systemd reads them.
    :param read: gives the text of an environment file; raises OSError for one that cannot be read.
    :param host: the name of the host.
    :param say: takes a line about what is wrong.
    """
    assigned = _assigned(unit, source, texts, say)
    specifiers = _specifiers(unit, assigned.get("User", [""])[-1], host)
    values = {key: [_expanded(value, specifiers) for value in found] for key, found in assigned.items()}
    last = {key: found[-1] for key, found in values.items() if found}
    variables: dict[str, str] = {}
    for value in values.get("Environment", []):
        pairs = [word.partition("=") for word in _words(unit, value, say)]
        variables.update({name: content for name, equals, content in pairs if equals})
    for path in values.get("EnvironmentFile", []):
        variables.update(_of_file(unit, path, read, say))
    others = [(key, value) for key, found in values.items() if key not in _TOLD for value in found]
    return [
        SetUp(
            SYSTEMD,
            unit,
            source,
            text=f"ExecStart={original}",
            words=tuple(_command(_words(unit, value.lstrip("@-:+!"), say), variables)),
            user=last.get("User", ""),
            group=last.get("Group", ""),
            directory=last.get("WorkingDirectory", "").lstrip("!-"),
            variables=variables,
            settings=tuple(others),
        )
        for original, value in zip(assigned.get("ExecStart", []), values.get("ExecStart", []))
    ]


def _assigned(unit: str, source: str, texts: Iterable[str], say: Lines) -> dict[str, list[str]]:
    """Return all values of each key; an empty one forgets those before, and of most only the last one counts."""
    result: dict[str, list[str]] = {}
    for text in texts:
        for line in re.sub(r"\\\n", " ", text).splitlines():
            if line.strip() and not re.match(r"\s*(?:[#;]|\[.*\]\s*$|[A-Za-z][\w-]*\s*=)", line):
                say(f"{unit}: {source} or a drop-in of it has a line that is no assignment, which systemd ignores")
                break
        for section, key, value in settings(text):
            if section in ("Unit", "Service"):
                before = result.get(key, []) if key in _LISTS and value else []
                result[key] = [*before, value] if value else []
    return {key: found for key, found in result.items() if found}


def _words(unit: str, text: str, say: Lines) -> list[str]:
    try:
        return words(text)
    except ValueError as error:
        say(f"{unit}: {error} in one of its lines")
        return []


def _of_file(unit: str, path: str, read: Read, say: Lines) -> Mapping[str, str]:
    try:
        return environment_file(read(path.lstrip("-")))
    except FileNotFoundError:
        if not path.startswith("-"):
            say(f"{unit}: its EnvironmentFile={path} does not exist")
    except OSError as error:
        say(f"{unit}: its EnvironmentFile={path} cannot be read: {error.strerror}")
    return {}


def _command(found: list[str], variables: Mapping[str, str]) -> list[str]:
    """Return the words of a command with the variables put in: one that is a word of its own may become several."""
    result: list[str] = []
    for word in found:
        whole = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)", word)
        if whole:
            result += variables.get(whole[1], "").split()
        else:
            result.append(_VARIABLE.sub(lambda name: variables.get(name[1], ""), word).replace("$$", "$"))
    return result


def _specifiers(unit: str, user: str, host: str) -> dict[str, str]:
    stem = unit.rpartition(".")[0]
    prefix, _at, instance = stem.partition("@")
    return {
        "n": unit,
        "N": stem,
        "p": prefix,
        "P": prefix,
        "i": instance,
        "I": instance.replace("-", "/"),
        "j": prefix.rpartition("-")[2],
        "H": host,
        "l": host.partition(".")[0],
        "u": user,
        "%": "%",
        "t": "/run",
        "S": "/var/lib",
        "L": "/var/log",
        "C": "/var/cache",
        "E": "/etc",
        "T": "/tmp",
    }


def _expanded(value: str, specifiers: Mapping[str, str]) -> str:
    return _SPECIFIER.sub(lambda found: specifiers.get(found[1], found[0]), value)
