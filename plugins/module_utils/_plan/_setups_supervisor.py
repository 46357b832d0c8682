# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Supervisor starts by its configuration (supervisord.org/configuration.html). Decides; touches nothing."""

from __future__ import annotations

import configparser
import os
import re
import shlex
from typing import Callable, Iterator, Mapping

from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import SUPERVISOR, SetUp

Say = Callable[[str], None]
Files = Callable[[str], "dict[str, str]"]

_EXPANSION = re.compile(r"%\((\w+)\)(0?[0-9]?)([sd])|%%")
_ASSIGNMENT = re.compile(r"""\s*,?\s*([A-Za-z_]\w*)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^,\s]*)""", re.DOTALL)
_TOLD = ("command", "user", "directory", "environment", "process_name", "numprocs", "numprocs_start", "autostart")
_MOST = 100  # processes of a program
_FALSE = ("false", "off", "no", "0")


def included(text: str, source: str, say: Say) -> list[str]:
    """Return the patterns of the files that a configuration includes, as absolute paths."""
    found = _read(text, source, say).get("include", {}).get("files", "")
    directory = os.path.dirname(source)
    return [os.path.join(directory, _expanded(word, {"here": directory})) for word in found.split()]


def set_ups(texts: Mapping[str, str], host: str, say: Say) -> list[SetUp]:
    """Return the programs in ``texts``, by the paths of their files, the main one first."""
    read = {path: _read(text, path, say) for path, text in texts.items()}
    sections = [(path, name, section) for path, found in read.items() for name, section in found.items()]
    general = next((section for _path, name, section in sections if name == "supervisord"), {})
    result = []
    for path, name, section in sections:
        kind, _colon, program = name.partition(":")
        if kind == "program":
            try:
                result += list(_programs(program, path, section, general, host))
            except (KeyError, ValueError) as error:
                say(f"program {program} in {path} cannot be read: {error}")
    return result


def _read(text: str, path: str, say: Say) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", " #"), strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        say(f"{path} cannot be read: {str(error).splitlines()[0]}")
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _programs(
    program: str, path: str, section: Mapping[str, str], general: Mapping[str, str], host: str
) -> Iterator[SetUp]:
    count, first = int(section.get("numprocs", "1")), int(section.get("numprocs_start", "0"))
    if count > _MOST:
        raise ValueError(f"numprocs={count} is more than {_MOST}")
    for number in range(first, first + count):
        known = {
            "program_name": program,
            "group_name": program,
            "host_node_name": host,
            "here": os.path.dirname(path),
            "process_num": number,
            "numprocs": count,
        }
        own = {key: _expanded(value, known) for key, value in section.items()}
        variables = {**_environment(general.get("environment", "")), **_environment(own.get("environment", ""))}
        yield SetUp(
            SUPERVISOR,
            own.get("process_name", program),
            path,
            text=f"command={section['command']}",
            words=tuple(shlex.split(own["command"])),
            user=own.get("user", ""),
            directory=own.get("directory", ""),
            variables=variables,
            settings=tuple((key, value) for key, value in own.items() if key not in _TOLD),
            is_enabled=own.get("autostart", "true").lower() not in _FALSE,
        )


def _environment(text: str) -> dict[str, str]:
    """Return the variables of ``environment``, KEY="value" with commas between them."""
    return {
        name: value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
        for name, value in _ASSIGNMENT.findall(text)
    }


def _expanded(value: str, known: Mapping[str, object]) -> str:
    """``value`` with its expressions put in. Raises ValueError for one that only Supervisor knows."""

    def meaning(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[1] not in known:
            raise ValueError(f"it uses {found[0]}, which only Supervisor knows")
        return f"%{found[2]}{found[3]}" % known[found[1]]

    return _EXPANSION.sub(meaning, value)


def texts(main: str, files: Files, say: Say) -> dict[str, str]:
    """Return the main configuration and what it includes, by path. ``files`` gives the files that a pattern names."""
    own = files(main)
    for pattern in included(own.get(main, ""), main, say):
        more = files(pattern)
        if not more and not _is_empty_by_nature(pattern):
            say(f"{main} includes {pattern}, and there is no such file")
        own.update(more)
    return own


def _is_empty_by_nature(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")
