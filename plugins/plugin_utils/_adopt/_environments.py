# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the services that hosts have, and that are not of this collection, to the environments of an inventory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import CENSORED
from ansible_collections.stalk.celery.plugins.module_utils._formats._secret_values import redacted
from ansible_collections.stalk.celery.plugins.module_utils._plan._foreign import is_same_app
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt import _keys
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._keys import Secret, Translation
from ansible_collections.stalk.celery.plugins.plugin_utils._check._names import problem_of_new_name
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._brokers import brokers_of

_BROKER, _SETTINGS = "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE"
_TELLING = (_BROKER, "BROKER_URL", _SETTINGS)
_OF_NO_PROJECT = (
    *("admin", "apache", "app", "apps", "application", "celery", "celeryapp", "code", "config", "current", "deploy"),
    *("django", "home", "http", "nginx", "nobody", "opt", "project", "proj", "releases", "root", "site", "src", "srv"),
    *("ubuntu", "usr", "var", "web", "webapps", "work", "worker", "www", "www_data", "all", "ungrouped"),
)
_SHARED_KEYS = (
    *("app", "directory", "virtualenv", "command", "log_level", "stop_timeout", "after", "limits", "sandbox"),
    *("requires", "write_paths"),
)
_OF_BEAT_TOO = ("app", "directory", "virtualenv", "command", "log_level", "state", "enabled", "write_paths")
_MANAGERS = {"systemd": "", "supervisor": "Supervisor's program ", "init": "script ", "": "a process of "}
_REDBEAT = "redbeat."


@dataclass
class Draft:
    """A service of one host, in the words of the inventory."""

    host: str
    kind: str
    name: str
    user: str
    group: str
    keys: dict[str, Any]
    variables: dict[str, Any]
    notes: list[str]
    whence: str
    is_managed: bool = True  # whether root has set it up, and not its user just started it

    @property
    def place(self) -> tuple[str, ...]:
        """What tells its environment from others."""
        return (self.user, self.keys["directory"], self.keys.get("app", ""), *map(self._known, _TELLING))

    def is_at_home(self, other: Draft) -> bool:
        """Return whether it can belong to the environment of a worker, though not all is the same.

        What a user starts by hand says nothing about the environments of others.
        """
        if not self.is_managed and self.user != other.user:
            return False
        mine, theirs = self._known(_BROKER), other._known(_BROKER)
        is_one_app = is_same_app(self.keys.get("app", ""), other.keys.get("app", ""))
        return is_one_app and (not mine or not theirs or mine == theirs)

    def _known(self, name: str) -> str:
        """Return what of a variable is no secret, so that it does not matter whether its host has told all of it."""
        value = self.variables.get(name, "")
        return redacted(name, value) if isinstance(value, Secret) else str(value)


@dataclass
class Environment:
    """An environment of the inventory: its dict, its hosts, and what stands in no key."""

    name: str
    value: dict[str, Any]
    hosts: list[str]
    notes: list[str] = field(default_factory=list)
    notes_of: dict[str, list[str]] = field(default_factory=dict)  # by the name of the service

    @property
    def user(self) -> str:
        """Return the user whom it has, by default one of its name."""
        return str(self.value.get("user", self.name))


def draft(host: str, hostname: str, found: Mapping[str, Any], unit_names: bool) -> list[Draft]:
    """Return a service in the words of the inventory, and beat that a worker has with it.

    :param hostname: the name by which Celery knows the host.
    """
    kind = found["kind"]
    into = Translation()
    _keys.options(kind, found["options"], into)
    _keys.settings(found["settings"], into)
    values = {
        name: Secret(one["value"] or CENSORED) if one["secret"] else one["value"]
        for name, one in found["variables"].items()
    }
    variables = _keys.variables(kind, values, found["virtualenv"], into)
    places = {key: found[key] for key in ("directory", "virtualenv")}
    keys: dict[str, Any] = {"app": _option(found, "--app"), **places, **into.keys}
    scheduler = keys.pop("scheduler", "") if kind == "worker" else ""
    if found["command"]:
        _command(found["command"], keys, into)
    if found["nice"] and "Nice" not in keys.get("limits", {}):
        keys["limits"] = {**keys.get("limits", {}), "Nice": str(found["nice"])}
    if found["write_paths"]:
        keys["write_paths"] = list(found["write_paths"])
    if unit_names and found["manager"] == "systemd" and found["is_alone"]:
        keys["unit"] = found["name"]
    if not found["running"]:
        keys["state"] = "stopped"
    if found["enabled"] != found["running"] and found["manager"]:
        keys["enabled"] = found["enabled"]
    notes = [*into.untold, *(f"source {path}" for path in found["sourced"])]
    named = f"{_MANAGERS[found['manager']]}{found['name']}" if found["name"] else f"a process of {found['user']}"
    whence = ", ".join(filter(None, (named, found["source"])))
    user, group = found["user"], found["group"]
    if user == "root" and _option(found, "--uid"):
        user, group = _option(found, "--uid"), _option(found, "--gid") or group
    is_managed = bool(found["manager"])
    told = f"{whence}: {found['text']}"
    own = Draft(host, kind, kind, user, group, _plain(keys), variables, notes, told, is_managed)
    if kind == "worker":
        own.name = _name(own.keys, hostname, found["name"])
    if not into.has_beat:
        return [own]
    beat = {key: keys[key] for key in _OF_BEAT_TOO if key in keys} | ({"scheduler": scheduler} if scheduler else {})
    told = f"{whence}: -B of a worker"
    return [own, Draft(host, "beat", "beat", user, group, _plain(beat), variables, [], told, is_managed)]


def _plain(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value not in ("", None)}


def _option(found: Mapping[str, Any], name: str) -> str:
    return next((value for option, value in reversed(found["options"]) if option == name), "")


def _command(words: Sequence[str], keys: dict[str, Any], into: Translation) -> None:
    """Keep the words in front of Celery, unless they are of Celery 3 or of a shell."""
    if words[-1].rpartition("/")[2] == "celery":
        keys["command"] = list(words)
    else:
        into.untold.append(" ".join(words))


def _name(keys: dict[str, Any], hostname: str, source: str) -> str:
    """Return the name of a worker, and take the node name out if it follows from that."""
    node = keys.pop("node", "")
    for own in (hostname, hostname.partition(".")[0]):
        node = re.sub(f"@{re.escape(own)}$", "@%h", node)
    first, at, _host = re.sub("[.-]?%[hnd]$", "", node).partition("@")
    name = first if at or first != node else ""
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name) or name == "celery":
        stem = re.sub(r"\.service$", "", source)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", node if node and not at else stem).strip("-._")[:60] or "w1"
    if node != f"{name}@%h":
        keys["node"] = node or "celery@%h"
    return name


def environments(drafts: Sequence[Draft], taken: Iterable[str]) -> list[Environment]:
    """Return the environments that can be told apart.

    :param taken: names that none of them may have, those of hosts.
    """
    groups: dict[tuple[str, ...], list[Draft]] = {}
    for one in drafts:
        if one.kind == "worker":
            groups.setdefault(one.place, []).append(one)
    for one in drafts:
        if one.kind != "worker":
            homes = [key for key, own in groups.items() if one.is_at_home(own[0])]
            near = [key for key in homes if key[1] == one.keys["directory"]] or homes
            exact = one.place if one.place in groups else near[0] if len(near) == 1 else one.place
            groups.setdefault(exact, []).append(one)
    names: list[str] = [*taken]
    result = []
    managed = {key: any(one.is_managed for one in own) for key, own in groups.items()}
    for key in sorted(groups, key=lambda key: (not managed[key], key)):
        name = _environment_name(groups[key], names)
        names.append(name)
        result.append(_environment(name, groups[key]))
    _say_what_is_shared(result)
    return sorted(result, key=lambda environment: environment.name)


def _environment_name(drafts: Sequence[Draft], taken: Sequence[str]) -> str:
    first = drafts[0]
    places = [part for part in first.keys["directory"].split("/") if part]
    apps = re.split("[.:]", first.keys.get("app", ""))
    wanted = [first.user, *reversed(apps), *places[1:], *places[:1]]
    names = [re.sub(r"[^a-z0-9_]+", "_", word.lower()).strip("_0123456789")[:25] for word in wanted]
    telling = [name for name in names if len(name) > 1 and name not in _OF_NO_PROJECT]
    good = [name for name in telling if not problem_of_new_name(name)] or ["main"]
    free = [name for name in good if name not in taken]
    return free[0] if free else next(name for n in range(2, 1000) for name in [f"{good[0]}_{n}"] if name not in taken)


def _environment(name: str, drafts: Sequence[Draft]) -> Environment:
    hosts = list(dict.fromkeys(one.host for one in drafts))
    environment = Environment(name, {}, hosts)
    common = _common(drafts)
    shared = {key: value for key in _SHARED_KEYS for value in [_agreed(drafts, key)] if value is not None}
    value = environment.value
    for key in ("app", "directory", "virtualenv"):
        value[key], note = (shared.pop(key), "") if key in shared else _guess(key, drafts)
        environment.notes += [note] if note else []
    user, group = drafts[0].user, drafts[0].group
    value.update({"user": user} if user != name else {})
    value.update({"group": group} if group else {})
    value.update(shared)
    if common:
        value["environment"] = common
    workers = [one for one in drafts if one.kind == "worker"]
    if workers:
        value["workers"] = _workers(workers, environment, common)
    else:
        value["workers"] = [{"name": "w1", "state": "stopped"}]
        environment.notes.append("no worker of it was found: w1 stands here because an environment has one")
    for kind in ("beat", "flower"):
        own = [one for one in drafts if one.kind == kind]
        if own:
            value[kind] = _single(own, environment, common)
    return environment


def _agreed(drafts: Sequence[Draft], key: str) -> Any:
    """Return the value of a key on which all services agree."""
    values = [one.keys.get(key) for one in drafts]
    return values[0] if all(value == values[0] for value in values) else None


def _guess(key: str, drafts: Sequence[Draft]) -> tuple[str, str]:
    """Return a value for a key that an environment has to have, and a note if no service says it."""
    said = Counter(one.keys[key] for one in drafts if one.keys.get(key))
    if said:
        return str(said.most_common(1)[0][0]), ""
    if key == "virtualenv":
        return "/usr", "virtualenv is a guess, since nothing names the program; write the directory with bin/celery"
    settings = next((str(one.variables[_SETTINGS]) for one in drafts if _SETTINGS in one.variables), "")
    commands = [word for one in drafts for word in one.keys.get("command", [])[-2:-1]]
    words = [settings.partition(".")[0], *(word.rpartition("/")[2].partition(".")[0] for word in commands)]
    modules = [word for word in words if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", word) and word != "manage"]
    note = "app is a guess, since no command names it; write the module of the Celery application"
    return next(iter(modules), "celery"), note


def _common(drafts: Sequence[Draft]) -> dict[str, Any]:
    """Return the variables that all services have, with the same value."""
    first, *others = drafts
    return {
        name: value
        for name, value in first.variables.items()
        if all(other.variables.get(name) == value for other in others)
    }


def _own(one: Draft, environment: Environment, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dict of a service, without what its environment says already."""
    value = environment.value
    keys = {key: item for key, item in one.keys.items() if value.get(key) != item}
    variables = {name: item for name, item in one.variables.items() if name not in common}
    if one.user != environment.user:
        one.notes.append(f"it runs as {one.user} today, and as the user of its environment here")
    return {**keys, **({"environment": variables} if variables else {})}


def _workers(drafts: Sequence[Draft], environment: Environment, common: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the workers, those that are the same on several hosts once."""
    result: list[dict[str, Any]] = []
    by_name: dict[str, list[tuple[Draft, dict[str, Any]]]] = {}
    for one in drafts:
        same = by_name.setdefault(one.name, [])
        if any(one.host == other.host for other, _keys in same):
            kept = next(other for other, _keys in same if other.host == one.host)
            twice = f"{one.name} on {one.host} is set up twice"
            environment.notes.append(f"{twice}; what stands here is {kept.whence}; left out is {one.whence}")
        else:
            same.append((one, _own(one, environment, common)))
    for name, found in by_name.items():
        variants: list[tuple[dict[str, Any], list[Draft]]] = []
        for one, keys in found:
            for known, drafts_of_it in variants:
                if known == keys:
                    drafts_of_it.append(one)
                    break
            else:
                variants.append((keys, [one]))
        for keys, own in variants:
            hosts = [one.host for one in own]
            own_name = name if len(variants) == 1 else f"{name}-{hosts[0]}"
            node = {} if len(variants) == 1 or "node" in keys else {"node": f"{name}@%h"}
            where = {} if hosts == environment.hosts else {"hosts": hosts}
            result.append({"name": own_name, **where, **node, **keys})
            environment.notes_of[own_name] = _notes(own)
    return result


def _single(drafts: Sequence[Draft], environment: Environment, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dict of beat or Flower, of which an environment has one."""
    first = drafts[0]
    keys = _own(first, environment, common)
    hosts = list(dict.fromkeys(one.host for one in drafts))
    is_locked = first.kind == "beat" and str(keys.get("scheduler", "")).startswith(_REDBEAT)
    kept = drafts if is_locked and len(hosts) > 1 else drafts[:1]
    environment.notes_of[first.kind] = [
        *_notes(kept),
        *(f"also on {one.host}, and left out, since one is enough: {one.whence}" for one in drafts if one not in kept),
    ]
    return {**({"hosts": hosts} if len(kept) > 1 else {"host": first.host}), **keys}


def _notes(drafts: Sequence[Draft]) -> list[str]:
    """Return where services are from, and the lines that have no key."""
    whence = [f"{one.host}: {one.whence}" for one in drafts]
    return [*whence, *dict.fromkeys(f"not translated: {note}" for one in drafts for note in one.notes)]


def _say_what_is_shared(environments: Sequence[Environment]) -> None:
    """Say what environments have in common today, which the check takes for a mistake otherwise."""
    for one, other in combinations(environments, 2):
        found = set()
        if set(one.hosts) & set(other.hosts):
            users, groups = ([each.user for each in (one, other)], [_group(each) for each in (one, other)])
            if users[0] == users[1]:
                found.add("shared_user")
            elif groups[0] == groups[1] or groups[0] == users[1] or groups[1] == users[0]:
                found.add("shared_group")
        if _brokers(one) & _brokers(other):
            found.add("shared_broker")
        for key in sorted(found):
            one.value[key] = other.value[key] = True


def _group(environment: Environment) -> str:
    return str(environment.value.get("group", environment.user))


def _brokers(environment: Environment) -> frozenset[tuple[str, str, str]]:
    dicts = [environment.value, *environment.value["workers"], environment.value.get("beat", {})]
    urls = [str(own["environment"][_BROKER]) for own in dicts if _BROKER in own.get("environment", {})]
    found: frozenset[tuple[str, str, str]] = frozenset()
    for url in urls:
        try:
            found |= brokers_of(url, environment.hosts[0])
        except ValueError:
            continue
    return found
