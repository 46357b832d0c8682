# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workers that ``celery multi`` starts with its arguments, see celery.apps.multi. Decides; touches nothing."""

from __future__ import annotations

from typing import Dict, Iterable, Sequence

_MOST = 100  # nodes
_LOG_FILE = "/var/log/celery/%n%I.log"  # of nodes for which nothing says it
_OF_MULTI = ("--cmd", "--append", "--prefix", "--suffix", "--range-prefix", "--hostname", "-n", "--executable")

Options = Dict[str, str]


def nodes(arguments: Iterable[str]) -> list[list[str]]:
    """Return the options of each worker, with its node name. Raises ValueError for what celery cannot read."""
    names, options, namespaces = _parsed([argument for argument in arguments if argument])
    own = {name: options.pop(name) for name in _OF_MULTI if name in options}
    prefix = own.get("--prefix", "")
    suffix = own.get("--suffix") or own.get("--hostname") or own.get("-n") or "%h"
    is_count = len(names) == 1 and names[0].isdigit()
    if is_count:
        names = [str(number) for number in range(1, _count(names[0]) + 1)]
        prefix = own.get("--range-prefix") or "celery"
    special = _by_name(namespaces, names, is_count)
    result = []
    for name in names:
        node = name if "@" in name else f"{prefix}{name}" + ("" if suffix in ('""', "''") else f"@{suffix}")
        own = {"--logfile": _LOG_FILE, **options, **special.get(name, {}), **special.get(node, {})}
        result.append(["-n", node, *(word for item in own.items() for word in _words(*item))])
    return result


def _words(option: str, value: str) -> list[str]:
    return [f"{option}={value}"] if value and option.startswith("--") else [option, *([value] if value else [])]


def _count(text: str) -> int:
    if int(text) > _MOST:
        raise ValueError(f"{text} nodes are more than {_MOST}")
    return int(text)


def _parsed(arguments: Sequence[str]) -> tuple[list[str], Options, dict[str, Options]]:
    """Return the names, the options of all nodes, and those of some, as NamespacedOptionParser of Celery reads them."""
    names: list[str] = []
    options: Options = {}
    namespaces: dict[str, Options] = {}
    position = 0
    while position < len(arguments):
        argument, value = arguments[position], ""
        position += 1
        if argument == "--":
            break
        if not argument.startswith("-"):
            names.append(argument)
            continue
        if argument.startswith("--"):
            argument, equals, value = argument.partition("=")
            value = equals and value
        elif position < len(arguments) and not arguments[position].startswith("-"):
            value = arguments[position]
            position += 1
        option, _colon, namespace = argument.partition(":")
        (namespaces.setdefault(namespace, {}) if namespace else options)[option] = value
    return names, options, namespaces


def _by_name(namespaces: dict[str, Options], names: Sequence[str], is_count: bool) -> dict[str, Options]:
    """Return the options of single nodes by the name of the node; numbers are places in the list of names."""
    result: dict[str, Options] = {}
    for namespace, options in namespaces.items():
        for part in namespace.split(","):
            first, dash, last = part.partition("-")
            if is_count and dash and first.isdigit() and last.isdigit():
                members = [str(number) for number in range(int(first), min(int(last), len(names)) + 1)]
            elif part.isdigit():
                if not 0 < int(part) <= len(names):
                    raise ValueError(f"there is no node {part} for its options")
                members = [names[int(part) - 1]]
            else:
                members = [part]
            for member in members:
                result.setdefault(member, {}).update(options)
    return result
