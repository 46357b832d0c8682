# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands at any key: the check names the key, or every file is read with that value and no other change."""

from __future__ import annotations

import copy
import datetime
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats.text import control_of
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._account_files import accounts_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._files import files_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._migrations import migrations_of
from ansible_collections.stalk.celery.tests.unit import readers
from ansible_collections.stalk.celery.tests.unit.deciding import environments, problems, services
from ansible_collections.stalk.celery.tests.unit.rendering import TEMPLATES, rendered
from hypothesis import given, settings
from hypothesis import strategies as st

VALUES = 16  # at a place, for each example
GROUPS = {"all": ["app1"], "live": ["app1"]}
BASE: dict[str, Any] = {
    "app": "edc.celery:app",
    "directory": "/srv/edc",
    "virtualenv": "/srv/venv",
    "user": "edc",
    "group": "edc",
    "home": "/srv/home",
    "log_file": "/var/log/celery-live/%n.log",
    "environment": {"A": "a"},
    "sandbox": {"SupplementaryGroups": "video"},
    "workers": [{"name": "w1", "queues": ["mail"], "options": ["-E"]}],
    "beat": {"host": "app1"},
    "flower": {
        "host": "app1",
        "basic_auth": ["ann:pw"],
        "auth": ".*@example.com",
        "auth_provider": "a.b.C",
        "oauth2_key": "k",
        "oauth2_secret": "s",
        "oauth2_redirect_uri": "https://example.com/login",
    },
}
# Values that are taken, from which bad ones are made. A key of the spec that is not here gets its choices, or any text.
GOOD: dict[str, list[Any]] = {
    "app": ["edc", "edc.celery.live:app"],
    "directory": ["/srv/edc/50%/x", "/home/edc/é"],
    "virtualenv": ["/srv/venv", "/srv/50%"],
    "home": ["/home/edc"],
    "user": ["edc", "ed-c_1", "edc@example.com"],
    "group": ["edc", "web", "edc@example.com"],
    "env_file": ["/etc/conf.d/celery", "/etc/edc/a%b.env"],
    "log_file": ["/var/log/celery-live/x-%n.log", "/srv/log/%n%I.log"],
    "unit": ["edc.service", "edc.a-b:c.service"],
    "name": ["w2", "a.b-c_d"],
    "node": ["w1@%h", "a.b@%n.%d"],
    "queues": ["mail", "a.b", "x;y"],
    "options": ["--without-gossip", "-Ofair", '--statedb=/a b/"c"'],
    "after": ["redis-server.service", "a@b.service", "dev-disk\\x2dby.mount"],
    "autoscale": ["10,3", "2,6"],
    "maxsize": ["30M", "100k", "1048576"],
    "scheduler": ["django_celery_beat.schedulers:DatabaseScheduler"],
    "auth_provider": ["flower.views.auth.GithubLoginHandler"],
    "url_prefix": ["flower", "/a/b"],
    "address": ["127.0.0.1", "app1"],
    "basic_auth": ["ann:a b'\"$c"],
    "environment": ["", 'a$b"c\\d\n`e` %n #;'],
    "write_paths": ["/srv/media"],
    "command": ["celery", "/opt/indico/bin/indico", "run-program"],
    "env_files": ["/etc/live.env"],
    "host": ["app1"],
    "hosts": ["app1"],
    "packages": ["celery[redis]==5.5"],
    "migrate": ["python manage.py migrate --noinput", "a $b '$c'"],
    "python": ["python3.12", "/usr/bin/python3"],
    "CPUQuota": ["200%"],
    "CPUWeight": ["idle", "100", 100],
    "IOWeight": ["100"],
    "LimitNOFILE": ["1024:65536", "infinity", 4096],
    "LimitNPROC": ["100"],
    "MemoryHigh": ["2G", "50%"],
    "MemoryMax": ["1.5G", "infinity"],
    "Nice": [-5, "19"],
    "OOMPolicy": ["stop"],
    "OOMScoreAdjust": [500, "-1000"],
    "Slice": ["batch.slice", "a-b.slice"],
    "TasksMax": [100, "10%"],
    "BindPaths": ["/srv/a", "/srv/a:/srv/50%:rbind -/srv/c"],
    "BindReadOnlyPaths": ["/srv/a:/srv/b"],
    "CapabilityBoundingSet": ["CAP_NET_ADMIN CAP_KILL", "~CAP_KILL", ""],
    "IPAddressAllow": ["localhost 10.0.0.0/8"],
    "IPAddressDeny": ["any", "::/0"],
    "ReadWritePaths": ["/srv/a -/srv/50%"],
    "RestrictAddressFamilies": ["AF_UNIX AF_INET", "~AF_INET"],
    "RestrictNamespaces": ["user net", "no", False],
    "SupplementaryGroups": ["redis video"],
    "SystemCallArchitectures": ["native x86"],
    "SystemCallFilter": ["@system-service", "~@mount @swap"],
    "TemporaryFileSystem": ["/dev/shm:size=50%,mode=1777 /srv/x"],
    "UMask": ["0077", "027"],
    "ProtectHome": ["read-only", True],
    "ProtectSystem": ["full", "yes"],
    "ProtectProc": ["default"],
    "ProcSubset": ["all"],
    "KeyringMode": ["shared"],
    "DevicePolicy": ["auto"],
}
TRUTH = ["yes", "no", True, False]
COUNTS = [1, 2, "3", 7, 0, -1, 1001, "1001", "many", 2.5]
NOISE = [
    *(chr(number) for number in (*range(33), *range(127, 161))),
    *"\"'`$%#;\\=&|<>(){}[]*?~!^:,@+-/.0aé",
    *("\\\n", "\r\n", "\nUser=root\n", "\rExecStartPre=+/bin/id", " /etc", "%h", "%%", "${HOME}", "$(id)", "{{ 1 }}"),
    *("\u2028", "\u2029", "\u202e", "\ufeff", "\ufffe", "\udc80", "\ufdd0", "😀", "//", "/..", "/./", " x", "x "),
    *("0" * 300, "\\x0a"),
]
WRONG: list[Any] = [
    *(None, True, False, 0, 1, -1, 63, 2**31, 10**30, 1.5, 4.0, float("inf"), float("nan")),
    *("", "no", "1_0", "0x10", "4", "٣"),
    *([], ["x"], [None], {}, {"a": "b"}, {1: 2}, {None: None}, {"a\nb": "c"}, [["x"]]),
    *(datetime.date(2026, 11, 26), datetime.datetime(2026, 11, 26, 1, 2), b"x", ("x",), "x" * 5000),
]
Path = tuple[str | int, ...]


def paths(spec: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every place of an environment where something can stand, lists and dicts themselves included."""
    for key, option in spec.items():
        here = (*above, key)
        yield here, option
        if option["type"] == "list":
            yield (*here, 0), {**option, "type": option["elements"]}
            if option["elements"] == "dict":
                yield from paths(option["options"], (*here, 0))
        elif option["type"] == "dict":
            yield from paths(option["options"], here) if "options" in option else [((*here, "A"), {"type": "str"})]


PLACES = [(path, option) for path, option in paths(environment_spec()) if path != ("name",)]


def placed(path: Path, value: Any) -> dict[str, Any]:
    """Return the base with a value at a place, for which what is missing on the way is made."""
    result: Any = copy.deepcopy(BASE)
    at, key = result, path[0]
    for following in path[1:]:
        empty: Any = [None] if isinstance(following, int) else {"host": "app1"} if key == "broker" else {}
        at = at.setdefault(key, empty) if isinstance(at, dict) else at[int(key)]
        key = following
    at[key] = value
    return dict(result)


def made(path: Path, option: Mapping[str, Any], chance: random.Random) -> Any:
    """Return a value for a place: one that is taken, one that is nearly taken, or one of another type."""
    key = next(part for part in reversed(path) if isinstance(part, str) and part != "A")
    kind = option["type"]
    if chance.random() < 0.2 or kind in ("list", "dict"):
        return chance.choice(WRONG)
    if key == "count":
        return chance.choice(COUNTS)
    if kind == "int":
        return chance.choice([chance.randint(-5, 100000), str(chance.randint(0, 9999)), 2**31 - 1])
    if kind == "bool":
        return chance.choice(TRUTH)
    value = chance.choice(option.get("choices") or GOOD.get(key) or (TRUTH if path[-2:-1] == ("sandbox",) else ["x"]))
    if not isinstance(value, str) or chance.random() < 0.2:
        return value
    for _time in range(chance.randint(1, 3)):
        at = chance.choice([0, len(value), chance.randint(0, len(value))])
        value = value[:at] + chance.choice(NOISE) + value[at:]
    return value


def problems_with(path: Path, value: Any) -> list[str]:
    """Return what the check says of the base with a value at a place."""
    environment = placed(path, value)
    return problems(["live"], {"live": environment}, GROUPS, "app1", "", {"app1": {"celery_live": environment}})


def read(environment: dict[str, Any]) -> list[Any]:
    """Return what the readers see in all files of an environment: names and values."""
    [complete] = environments({"live": environment})
    found: list[Any] = []
    for entry in [*files_of(services([complete], "app1"))["files"], *accounts_of([complete])["files"]]:
        if not entry.get("template"):
            continue
        text = rendered(entry)
        name = entry["template"].rpartition("/")[2]
        if name.endswith((".service.j2", ".target.j2")):
            found.append([(f"{name} {section} {key}", value) for section, key, value in readers.unit(text)])
        elif "conf.d/" in entry["template"]:
            found.append(list(readers.environment(text).items()))
        elif "sysusers" in entry["template"]:
            found.append([(line[0], " ".join(line[1:])) for line in readers.sysusers(text)])
        elif "logrotate" in entry["template"]:
            [(patterns, directives)] = readers.logrotate(text)
            found.append([("pattern", pattern) for pattern in patterns])
            found.append([(line.split()[0], line) for line in directives])
        else:
            found.append([(option.partition("=")[0], option.partition("=")[2]) for option in readers.options(text)])
    migrations = migrations_of([complete], services([complete], "app1")).values()
    return [*found, *([("migrate", migration["command"])] for migration in migrations)]


def shows(text: str, value: Any) -> bool:
    """Return whether a text that was read has the value in it."""
    if isinstance(value, bool):
        return True
    pieces = [piece for piece in re.split("%[nIihdp%]|:|\\.service$", str(value)) if piece]
    whole = " ".join([text, text.replace("%%", "%"), *readers.words(text), text.replace("$$", "$")])
    return all(piece in whole for piece in pieces) or (len(text) > 4 and text.lstrip("-") in str(value))


BASE_READ = read(BASE)
KNOWN = {name for file in BASE_READ for name, _value in file}
# What a good value may add: a directive that no value of the base has, a variable, a second pattern, an option.
ADDED = re.compile(
    r"celery.service.j2 Service [A-Z][A-Za-z]+|[Aa]|migrate|pattern|maxsize|"
    r"CELERY(D|BEAT)_LOG_FILE|CELERYD_PID_FILE|CELERY_(BROKER_URL|RESULT_BACKEND)|REMAP_SIGTERM|PYTHONPATH|--property"
)
UNIT = (TEMPLATES / "etc/systemd/system/celery.service.j2").read_text(encoding="utf-8")
DIRECTIVES = set(re.findall(r"^([A-Z][A-Za-z]+)=", UNIT, re.MULTILINE))
# What a value decides without being shown there: when something starts, and files that are found by a pattern.
ELSEWHERE = ("celery.service.j2 Unit After", "pattern")
SHARES = ("CPUQuota", "MemoryHigh", "MemoryMax", "TasksMax")  # know no specifiers, and % as a unit
TWICE = {
    "celery.service.j2 Service EnvironmentFile",
    "celery.service.j2 Service SystemCallFilter",
    "--property",
    "pattern",
}


def assert_read(path: Path, option: Mapping[str, Any], value: Any) -> None:
    """Assert that the readers see the value where something changed, and nothing else."""
    if path[-1] == "count" and value is not None:
        workers = services(environments({"live": placed(path, value)}), "app1")
        assert [one["name"] for one in workers if one["kind"] == "worker"] == [
            f"w1-{number + 1}" for number in range(int(value))
        ]
        return
    seen = read(placed(path, value))
    names = [[name for name, _value in file] for file in seen]
    added = {name for file in names for name in file} - KNOWN
    assert all(ADDED.fullmatch(name) for name in added), (path, value, added)
    directives = {name.rpartition(" ")[2] for name in added if name.startswith("celery.service.j2")}
    assert directives <= DIRECTIVES | {*environment_spec()["limits"]["options"]}, (path, value, directives)
    repeated = {name for file in names for name in file if file.count(name) > 1}
    assert repeated <= TWICE, (path, value, repeated)
    if value is None or option["type"] not in ("str", "int") or "choices" in option:
        return
    before = [pair for file in BASE_READ for pair in file]
    for name, text in (pair for file in seen for pair in file if pair not in before):
        assert shows(text, value) or name in ELSEWHERE, (path, value, name, text)


def exact(path: Path, value: Any) -> None:
    """Assert that what has a place of its own is read there, whole."""
    [service, *_others] = services(environments({"live": placed(path, value)}), "app1")
    unit = {f"{section} {key}": text for section, key, text in readers.unit(rendered(files_of([service])["files"][0]))}
    variables = readers.environment(rendered(files_of([service])["files"][1]))
    key = path[-1] if isinstance(path[-1], str) else path[-2]
    if path[0] in ("sandbox", "limits"):
        wanted = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        text = unit[f"Service {key}"]
        assert (text if key in SHARES else readers.without_specifiers(text)) == wanted
    elif path == ("directory",):
        assert readers.without_specifiers(unit["Service WorkingDirectory"]) == value
    elif path == ("environment", "A"):
        assert variables["A"] == value
    elif path == ("app",):
        assert variables["CELERY_APP"] == value
    elif path == ("workers", 0, "node"):
        assert variables["CELERYD_NODES"] == value
    elif path == ("workers", 0, "options", 0):
        assert value in readers.words(variables["CELERYD_OPTS"])
    elif path == ("workers", 0, "queues", 0):
        assert f"--queues={value}" in readers.words(variables["CELERYD_OPTS"])
    elif path == ("after", 0):
        assert unit["Unit After"].split() == ["network-online.target", value]


def assert_refused_or_read(place: tuple[Path, Mapping[str, Any]], seed: int) -> None:
    """Assert it of many values at a place; the message of a failure has the value."""
    path, option = place
    chance = random.Random(seed)
    for _time in range(VALUES):
        value = made(path, option, chance)
        found = problems_with(path, value)
        assert not any(control_of(problem) for problem in found), (path, value, found)
        if found:
            named = [part for part in path if isinstance(part, str)][-1]
            assert any(named in problem for problem in found), (path, value, found)
            continue
        assert_read(path, option, value)
        if option["type"] == "str" and value is not None:
            exact(path, value)


@settings(max_examples=40)
@given(st.sampled_from(PLACES), st.integers(0, 2**32))
def test_any_value_at_any_key_is_refused_by_name_or_read_as_it_is(place: Any, seed: int) -> None:
    assert_refused_or_read(place, seed)


@pytest.mark.parametrize("key", ["user", "group"])
def test_a_name_of_a_directory_service_is_read_in_all_files(key: str) -> None:
    """LDAP's and Active Directory's users may have an @."""
    option = next(option for path, option in PLACES if path == (key,))
    assert problems_with((key,), "edc@example.com") == []
    assert_read((key,), option, "edc@example.com")


@pytest.mark.processes
@settings(max_examples=700)
@given(st.sampled_from(PLACES), st.integers(0, 2**32))
def test_so_are_more_than_ten_thousand_others(place: Any, seed: int) -> None:
    """The same ones in each run, so that a failure can be repeated."""
    assert_refused_or_read(place, seed)


def test_every_key_of_the_spec_is_tried() -> None:
    """One of them was taken with a good value, so that it is not refused whatever stands there."""
    for path, option in PLACES:
        key = next(part for part in reversed(path) if isinstance(part, str) and part != "A")
        if option["type"] == "str" and "choices" not in option and key in GOOD:
            for value in GOOD[key]:
                found = problems_with(path, value)
                assert found == [] or path[-1] in ("host", "hosts", 0), (path, value, found)
