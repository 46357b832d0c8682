# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real systemd, logrotate, systemd-sysusers, Redis and Python read in the files what the check let through."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import environment_value, split_word
from ansible_collections.stalk.celery.plugins.module_utils._host import _redis
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._account_files import accounts_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._files import files_of
from ansible_collections.stalk.celery.tests.unit import readers
from ansible_collections.stalk.celery.tests.unit.deciding import environments, problems, services
from ansible_collections.stalk.celery.tests.unit.plugins.filter import test_any_value as any_value
from ansible_collections.stalk.celery.tests.unit.rendering import rendered

from tests.fleet import on_host

HOSTS = ("app1", "app2")
UNITS = 200
# The properties that a value may change, where its key is no directive; all others have to be as without it.
HANDOVER = "ExecReload NotifyAccess Environment"
NAME = "RuntimeDirectory Description SyslogIdentifier EnvironmentFiles Environment ExecReload"
PROPERTIES = {
    "after": "After",
    "autoscale": HANDOVER,
    "concurrency": HANDOVER,
    "count": NAME,
    "drain_timeout": "ExecReload",
    "directory": "WorkingDirectory BindReadOnlyPaths",
    "env_file": "EnvironmentFiles",
    "env_files": "EnvironmentFiles",
    "group": "Group",
    "home": "BindReadOnlyPaths",
    "log_file": "ReadWritePaths ExecStart",
    "name": NAME,
    "overlap": HANDOVER,
    "pool": HANDOVER,
    "start_timeout": "TimeoutStartUSec ExecReload",
    "stop_timeout": "TimeoutStopUSec",
    "type": f"Type PIDFile ExecStart ExecStartPre ExecStop WatchdogUSec {HANDOVER}",
    "unit": "SyslogIdentifier EnvironmentFiles ExecReload",
    "user": "User",
    "virtualenv": "BindReadOnlyPaths",
    "watchdog": "WatchdogUSec ExecReload",
    "write_paths": "ReadWritePaths BindPaths BindReadOnlyPaths",
    "CPUQuota": "CPUQuotaPerSecUSec",
    "Slice": "Slice After",
}
FIXED = "ExecStartPre ExecStartPost Environment RootDirectory StateDirectory LogsDirectory KillMode PartOf Wants"
DIRECTIVES = [name for key in ("sandbox", "limits") for name in environment_spec()[key]["options"]]
ASKED = ("LoadState", *" ".join(PROPERTIES.values()).split(), *FIXED.split(), *DIRECTIVES)
EXACT = {"WorkingDirectory", "User", "Group", "SyslogIdentifier", "Slice", "SupplementaryGroups"}


def accepted(chance: random.Random, count: int) -> list[tuple[Any, Any]]:
    """Return places and values that the check lets through."""
    found: list[tuple[Any, Any]] = []
    while len(found) < count:
        path, option = chance.choice([place for place in any_value.PLACES if place[1]["type"] not in ("list", "dict")])
        value = any_value.made(path, option, chance)
        if not problems(["live"], {"live": any_value.placed(path, value)}, any_value.GROUPS, "app1"):
            found.append((path, value))
    return found


def first_of(environment: dict[str, Any]) -> Any:
    """Return the first service of an environment."""
    return services(environments({"live": environment}), "app1")[0]


def written(host: str, files: dict[str, str]) -> None:
    """Write files on a host."""
    script = "import json, os, sys\nfor path, text in json.load(sys.stdin).items():\n"
    script += "    os.makedirs(os.path.dirname(path), exist_ok=True)\n    open(path, 'w').write(text)\n"
    on_host(host, "python3", "-c", script, stdin=json.dumps(files))


@pytest.mark.parametrize("host", HOSTS)
def test_systemd_reads_each_value_and_no_other_directive(host: str) -> None:
    """Hundreds of units, each with one value changed, are loaded at once and compared with the one that has none."""
    values = [(("app",), "edc.celery:app"), *accepted(random.Random(host), UNITS)]
    texts = [rendered(files_of([first_of(any_value.placed(*pair))])["files"][0]) for pair in values]
    units = [f"strings-{number}.service" for number in range(len(texts))]
    written(host, {f"/run/systemd/system/{unit}": text for unit, text in zip(units, texts, strict=True)})
    try:
        on_host(host, "systemctl", "daemon-reload")
        shown = on_host(host, "systemctl", "show", f"--property={','.join(ASKED)}", "--", *units)
    finally:
        on_host(host, "sh", "-c", "rm /run/systemd/system/strings-*.service; systemctl daemon-reload")
    blocks = [dict(map(property_of, block.splitlines())) for block in shown.split("\n\n")]
    assert len(blocks) == len(units)
    wrong = []
    for (path, value), block, text in zip(values, blocks, texts, strict=True):
        key = [part for part in path if isinstance(part, str) and part != "A"][-1]
        different = {name for name in block if block[name] != blocks[0].get(name)} - {*PROPERTIES.get(key, key).split()}
        wrong += [(path, value, name, block[name]) for name in different]
        for _section, name, wanted in readers.unit(text):
            read = wanted if name not in EXACT else readers.without_specifiers(wanted)
            wrong += [(path, value, name, block[name])] if name in EXACT and block[name] != sorted(read.split()) else []
    assert wrong == []
    assert {block["LoadState"][0] for block in blocks} == {"loaded"}


def property_of(line: str) -> tuple[str, list[str]]:
    """Return a property and its words, which have no order, without those that systemd adds."""
    name, _equals, text = line.partition("=")
    words = re.sub(r"start_time.*", "", text).split()
    return name, sorted(word for word in words if not word.endswith(".mount") and not word.startswith("systemd-"))


@pytest.mark.parametrize("host", HOSTS)
def test_logrotate_reads_the_patterns(host: str) -> None:
    """All files in one run of logrotate, which says what it would look for."""
    chance = random.Random(1)
    files, number = [], 0
    while number < 60:
        path = ("workers", 0, "log_file" if chance.random() < 0.6 else "node")
        value = any_value.made(path, {"type": "str"}, chance)
        environment = {**any_value.placed(path, value), "user": "root", "group": "root"}
        if not problems(["live"], {"live": any_value.placed(path, value)}, any_value.GROUPS, "app1"):
            number += 1
            service = first_of(environment)
            text = rendered(files_of([service])["files"][2]).replace("/var/log/", f"/var/log/{number}/")
            files.append(text.replace("/srv/log/", f"/var/log/{number}/"))
    written(host, {"/tmp/logrotate.conf": "".join(files)})
    said = on_host(host, "sh", "-c", "logrotate --debug /tmp/logrotate.conf 2>&1")
    patterns = [" ".join(found) for text in files for found, _directives in readers.logrotate(text)]
    assert re.findall(r"^rotating pattern: (.*?)\s+after 1 days", said, re.MULTILINE) == patterns
    assert "error:" not in said


@pytest.mark.parametrize("host", HOSTS)
def test_sysusers_reads_the_fields(host: str) -> None:
    """The accounts are made in a directory that is no host, and read from its passwd file."""
    chance = random.Random(2)
    wanted, text = {}, ""
    while len(wanted) < 60:
        home = any_value.made(("home",), {"type": "str"}, chance)
        if home and not problems(["live"], {"live": any_value.placed(("home",), home)}, any_value.GROUPS, "app1"):
            name = f"u{len(wanted)}"
            environment = {**any_value.BASE, "user": name, "group": name, "home": home}
            [entry] = accounts_of(environments({"live": environment}))["files"]
            text += rendered(entry)
            wanted[name] = f"Celery environment live:{home}"
    written(host, {"/tmp/sysusers/etc/sysusers.d/strings.conf": text})
    on_host(host, "systemd-sysusers", "--root=/tmp/sysusers")
    made = [line.split(":") for line in on_host(host, "cat", "/tmp/sysusers/etc/passwd").splitlines()]
    on_host(host, "rm", "--recursive", "/tmp/sysusers")
    assert {line[0]: ":".join(line[4:6]) for line in made} == wanted


@pytest.mark.parametrize("host", HOSTS)
def test_systemd_splits_the_words_and_reads_the_files(host: str) -> None:
    """Options reach a process one by one, as do the variables of its environment file."""
    chance = random.Random(3)
    noise = [part for part in any_value.NOISE if part.isprintable() and part != " "]
    options = ["".join(chance.choices([*noise, " "], k=chance.randint(1, 9))) for _number in range(300)]
    options = [option for option in options if len(option) < 400]
    line = " ".join(map(split_word, options))
    script = "import json, sys; json.dump(sys.argv[1:], open('/run/words.json', 'w'))"
    unit = f'[Service]\nType=oneshot\nEnvironmentFile=/run/words.env\nExecStart=/usr/bin/python3 -c "{script}" $OPTS\n'
    text = f"OPTS={environment_value(line)}\n"
    assert readers.words(readers.environment(text)["OPTS"]) == options
    written(host, {"/run/systemd/system/words.service": unit, "/run/words.env": text})
    on_host(host, "sh", "-c", "systemctl daemon-reload && systemctl start words.service")
    found = json.loads(on_host(host, "cat", "/run/words.json"))
    on_host(host, "rm", "/run/systemd/system/words.service", "/run/words.env", "/run/words.json")
    assert found == options


def test_redis_reads_the_rules() -> None:
    """A Redis of its own takes the rules of many names, and says whose keys they are."""
    names = [f"{first}{number}_x" for first in "abz" for number in range(7)]
    rules = _redis.users(dict.fromkeys(names, "pw"))
    rules.pop("default")  # whom this test logs in as
    lines = "".join(" ".join(words) + "\n" for words in _redis.commands({}, rules))
    server = "redis-server --port 0 --unixsocket /tmp/acl.sock --save '' --daemonize yes >/dev/null; sleep 0.5; "
    client = "redis-cli -s /tmp/acl.sock"
    said = on_host("app1", "sh", "-c", f"{server}{client}; {client} shutdown nosave", stdin=f"{lines}ACL LIST\n")
    assert "ERR" not in said
    for name in names:
        [line] = re.findall(rf"^user {name} on .*", said, re.MULTILINE)
        assert re.findall(r" ~(\S+)", line) == [f"{name}:*"]
