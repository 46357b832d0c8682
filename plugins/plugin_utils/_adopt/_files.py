# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an inventory that is made of adopted environments. What hosts say is data in them, never a template."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import text
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._environments import Environment
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._keys import Secret

_PLAIN = re.compile(r"[A-Za-z/_](?:[A-Za-z0-9_./@%+-]|:(?=[A-Za-z0-9_./]))*")
_NOT_PLAIN = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
_TEMPLATE = re.compile(r"\{[{%#]")
_SECRET_KEYS = ("basic_auth", "auth", "auth_provider", "oauth2_key", "oauth2_secret", "oauth2_redirect_uri")
_COMMENT = 600  # characters
_CONNECTION = re.compile(r"[A-Za-z0-9_.:@%/-]+")


def named(environments: Iterable[Environment]) -> dict[str, Secret]:
    """Give each secret the name of a variable, and return the secrets by these names."""
    result: dict[str, Secret] = {}
    for one in environments:
        services = [(worker["name"], worker) for worker in one.value["workers"]]
        services += [(kind, one.value[kind]) for kind in ("beat", "flower") if kind in one.value]
        for service, own in [("", one.value), *services]:
            for name, value in _secrets(own):
                parts = (one.name, service, re.sub("^(CELERY|FLOWER)_", "", name))
                value.reference = re.sub("[^a-z0-9]+", "_", f"vault_celery_{'_'.join(filter(None, parts))}".lower())
                while value.reference in result:
                    value.reference += "_2"
                result[value.reference] = value
    return result


def _secrets(own: Mapping[str, Any]) -> Iterator[tuple[str, Secret]]:
    for name, value in own.get("environment", {}).items():
        if isinstance(value, Secret):
            yield name, value
    for key in _SECRET_KEYS:
        for value in own.get(key, []) if key == "basic_auth" else [own.get(key)]:
            if isinstance(value, Secret):
                yield key, value


def files(
    environments: Sequence[Environment], connections: Mapping[str, Mapping[str, Any]], lines: Sequence[str]
) -> dict[str, str]:
    """Return the text of each file of the inventory, by its path in it.

    :param connections: the variables by which Ansible reaches each host.
    :param lines: what could not be found out.
    """
    names = [one.name for one in environments]
    everywhere = [*map(_comment, lines), f"celery_environments: {_flow(names)}"]
    result = {"hosts.ini": _hosts(environments, connections), "group_vars/all/celery.yml": _document(everywhere)}
    for one in environments:
        result[f"group_vars/{one.name}/celery.yml"] = _document(_environment(one))
    return result


def vault(secrets: Mapping[str, Secret]) -> str:
    """Return the text of the file with the secrets."""
    plain = {name: value.removeprefix(value.account) for name, value in sorted(secrets.items())}
    return _document(f"{name}: {_scalar(value)}" for name, value in plain.items())


def _document(lines: Iterable[str]) -> str:
    return "\n".join(["---", *lines, ""])


def _hosts(environments: Sequence[Environment], connections: Mapping[str, Mapping[str, Any]]) -> str:
    known: set[str] = set()
    blocks = []
    for one in environments:
        lines = [_host(host, {} if host in known else connections.get(host, {})) for host in one.hosts]
        known.update(one.hosts)
        blocks.append("\n".join([f"[{one.name}]", *lines, ""]))
    return "\n".join(blocks)


def _host(name: str, connection: Mapping[str, Any]) -> str:
    pairs = [f"{key}={value}" for key, value in connection.items() if _CONNECTION.fullmatch(str(value))]
    return " ".join([name, *pairs])


def _environment(one: Environment) -> Iterator[str]:
    """Yield the lines of an environment, each comment where it is true first."""
    seen: set[str] = set()
    for line in _lines(one):
        if not line.lstrip().startswith("#") or line.strip() not in seen:
            yield line
        seen.add(line.strip())


def _lines(one: Environment) -> Iterator[str]:
    yield from map(_comment, one.notes)
    yield f"celery_{one.name}:"
    own = {key: value for key, value in one.value.items() if key not in ("workers", "beat", "flower")}
    yield from _block(own, "  ")
    yield "  workers:"
    for worker in one.value["workers"]:
        yield from (f"    {_comment(note)}" for note in one.notes_of.get(worker["name"], []))
        first, *others = _block(worker, "      ")
        yield f"    - {first.strip()}"
        yield from others
    for kind in ("beat", "flower"):
        if kind in one.value:
            yield f"  {kind}:"
            yield from (f"    {_comment(note)}" for note in one.notes_of.get(kind, []))
            yield from _block(one.value[kind], "    ")


def _block(own: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in own.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _block(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_flow(value) if isinstance(value, list) else _scalar(value)}"


def _flow(values: Sequence[Any]) -> str:
    return f"[{', '.join(map(_scalar, values))}]"


def _scalar(value: Any) -> str:
    """Return a value as YAML, in quotes unless it is plain in every place; what looks like a template is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Secret) and value.reference:
        return f'"{value.account}{{{{ {value.reference} }}}}"'
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and not _NOT_PLAIN.fullmatch(value)):
        return str(value)
    quoted = yaml.safe_dump(str(value), default_style='"', width=2**31).strip()
    return f"!unsafe {quoted}" if _TEMPLATE.search(value) else quoted


def _comment(line: str) -> str:
    return f"# {text(line, _COMMENT)}"
