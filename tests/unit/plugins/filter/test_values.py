# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What YAML made of a value, names that are others', and strings that a file cannot hold get a sentence."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
import yaml
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._files import files_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._logs import overlap
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import trials_of
from ansible_collections.stalk.celery.tests.unit.deciding import environments, problems, services
from ansible_collections.stalk.celery.tests.unit.rendering import rendered

NAMES = ["live", "uat"]
GROUPS = {"all": ["app1"], "live": ["app1"], "uat": ["app1"]}
MINIMAL = {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}


def problems_of(live: str | dict[str, Any], uat: dict[str, Any] | None = None) -> list[str]:
    """Return the problems of live, further keys in YAML or as they are, and of uat."""
    keys = yaml.safe_load(live) if isinstance(live, str) else live
    variables = {"live": {**MINIMAL, **keys}, **({"uat": {**MINIMAL, **uat}} if uat is not None else {})}
    return problems(NAMES, variables, GROUPS, "app1")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("sandbox: {UMask: 0077}", "celery_live.sandbox.UMask is 63, not a string. Write it in quotes: '0077'."),
        ("sandbox: {UMask: 0o27}", "celery_live.sandbox.UMask is '0o27'. Write an octal number in quotes as '0027'."),
        (
            "workers: [{name: w1, queues: [dk, no, se]}]",
            "celery_live.workers[0].queues[1] is false, not a string. Write it in quotes: 'no'.",
        ),
        ("workers: [{name: on}]", "celery_live.workers[0].name is true, not a string. Write it in quotes: 'yes'."),
        ("workers: [{name: 1_0}]", "celery_live.workers[0].name is 10, not a string. Write it in quotes: '10'."),
        ("workers: [{name: 0x10}]", "celery_live.workers[0].name is 16, not a string. Write it in quotes: '16'."),
        ("workers: [{name: 1:30}]", "celery_live.workers[0].name is 90, not a string. Write it in quotes: '90'."),
        (
            "workers: [{name: w1, queues: [2026-11-26]}]",
            "celery_live.workers[0].queues[0] is 2026-11-26, a date, not a string. Write it in quotes: '2026-11-26'.",
        ),
        (
            "workers: [{name: w1, queues: [~]}]",
            "celery_live.workers[0].queues[0] is null, not a string. Write it in quotes: 'null', or remove it.",
        ),
        (
            "workers: [{name: w1, options: [1e3]}]",
            "celery_live.workers[0].options[0] has 1e3, which",
        ),
        ("app: 1.0e+3", "celery_live.app is 1000.0, not a string. Write it in quotes: '1000.0'."),
        ("directory: .inf", "celery_live.directory is inf, not a string. Write it in quotes: 'inf'."),
        ("app: .nan", "celery_live.app is nan, not a string."),
        ("app: [edc]", "celery_live.app is a list, not a string. Write one value."),
        ("app: {a: b}", "celery_live.app is a dict, not a string. Write one value."),
        ("after: redis.service", "celery_live.after is not a list"),
        ("limits: {MemoryMax: 1.5}", "celery_live.limits.MemoryMax is 1.5, not a string."),
        ("limits: {CPUQuota: 200}", "celery_live.limits.CPUQuota is 200, not a string. Write it in quotes: '200'."),
        ("limits: {Nice: yes}", "celery_live.limits.Nice is true, not a string."),
        ("limits: {Nice: 20}", "celery_live.limits.Nice is '20'. Write a number from -20 to 19."),
        ("limits: [Nice]", "celery_live.limits is not a dict of keys and values."),
        ("sandbox: {ProtectProc: no}", "celery_live.sandbox.ProtectProc is false, not a string."),
        ("stop_timeout: 1", "celery_live.stop_timeout is 1. A worker needs a few seconds to stop and would be killed"),
        ("start_timeout: 0", "celery_live.start_timeout is 0. Write 1 or more."),
        ("watchdog: -1", "celery_live.watchdog is -1. Write 0 or more."),
        ("watchdog: 1.5", "celery_live.watchdog is 1.5, which is not a whole number."),
        ("watchdog: true", "celery_live.watchdog is true, which is not a whole number."),
        ("stop_timeout: 9999999999999999999999999", "celery_live.stop_timeout is too large. Write at most 2147483647."),
        ("workers: [{name: w1, prefetch_multiplier: -1}]", "celery_live.workers[0].prefetch_multiplier is -1."),
        ("workers: [{name: w1, max_tasks_per_child: 0}]", "celery_live.workers[0].max_tasks_per_child is 0."),
        ("enabled: 1.0", "celery_live.enabled is 1.0, which is not true or false."),
        ("enabled: 2", "celery_live.enabled is 2, which is not true or false."),
        ("environment: {A: 0644}", "celery_live.environment.A is not a string. Write it in quotes"),
        ("environment: {no: x}", "celery_live.environment has the key false, which is not a string."),
        ("{1: x}", "celery_live has the key 1, which is not a string. Write it in quotes."),
        ("{12:30:45: x}", "celery_live has the key 45045, which is not a string."),
    ],
)
def test_what_yaml_made_of_a_value(keys: str, expected: str) -> None:
    if "has 1e3" in expected:  # YAML 1.1 leaves this one a string
        assert problems_of(keys) == []
        return
    (problem,) = problems_of(keys)
    assert expected in problem


@pytest.mark.parametrize("secret", [123456, datetime.date(2026, 1, 1), True, ["s3cret"]])
def test_no_message_shows_a_secret_of_the_wrong_type(secret: Any) -> None:
    (problem,) = problems_of({"flower": {"host": "app1", "basic_auth": [secret]}})
    assert problem == "celery_live.flower.basic_auth[0] is not a string. Write it in quotes."


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("sandbox: {PrivateTmp: no}", "PrivateTmp=no"),
        ('sandbox: {PrivateTmp: "no"}', "PrivateTmp=no"),
        ("sandbox: {ProtectHome: true}", "ProtectHome=yes"),
        ("sandbox: {UMask: '0077'}", "UMask=0077"),
        ("sandbox: {ReadWritePaths: /srv/50%/a -/srv/b}", "ReadWritePaths=/srv/50%%/a -/srv/b"),
        ("sandbox: {TemporaryFileSystem: '/dev/shm:size=10%,mode=1777'}", "TemporaryFileSystem=/dev/shm:size=10%%,"),
        ("sandbox: {SystemCallFilter: '~@mount'}", "SystemCallFilter=~@mount"),
        ("sandbox: {BindPaths: '/srv/a:/home/a:rbind'}", "BindPaths=/srv/a:/home/a:rbind"),
        ("sandbox: {IPAddressDeny: any, IPAddressAllow: localhost 10.0.0.0/8 ::1}", "IPAddressAllow=localhost 10.0."),
        ("sandbox: {RestrictNamespaces: user net}", "RestrictNamespaces=user net"),
        ("limits: {TasksMax: 100}", "TasksMax=100"),
        ("limits: {MemoryMax: 50%}", "MemoryMax=50%"),
        ("limits: {LimitNOFILE: '1024:65536'}", "LimitNOFILE=1024:65536"),
        ("limits: {CPUWeight: idle}", "CPUWeight=idle"),
        ("directory: /srv/50%", "WorkingDirectory=/srv/50%%"),
        ("workers: [{name: w1, unit: edc.service}]", "StateDirectory=celery-live"),
        ("workers: [{name: w1, unit: edc.service}]", "SyslogIdentifier=edc"),
        ('workers: [{name: w1, start_timeout: "100"}]', "TimeoutStartSec=100"),
    ],
)
def test_a_value_that_systemd_takes_is_written(keys: str, line: str) -> None:
    assert problems_of(keys) == []
    (service,) = services(environments({"live": {**MINIMAL, **yaml.safe_load(keys)}}), "app1")
    text = rendered(files_of([service])["files"][0])
    assert f"\n{line}" in text


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"sandbox": {"UMask": "0027\rExecStartPre=+/bin/id"}}, ["sandbox.UMask has a carriage return"]),
        ({"sandbox": {"CapabilityBoundingSet": "CAP_NOTHING"}}, ["sandbox.CapabilityBoundingSet is 'CAP_NOTHING'"]),
        ({"limits": {"Slice": "a.slice\\"}}, ["limits.Slice ends with a backslash"]),
        ({"sandbox": {"SupplementaryGroups": 'x",\\'}}, ["sandbox.SupplementaryGroups ends with a backslash"]),
        ({"sandbox": {"SupplementaryGroups": '", "--uid=root'}}, ["sandbox.SupplementaryGroups is"]),
        ({"app": "edc\x85"}, ["app has the control character U+0085"]),
        ({"app": "edc\ud800"}, ["app has the control character U+D800"]),
        ({"migrate": "true\nfalse"}, ["migrate has a line break"]),
        ({"migrate": "echo \u2028"}, ["migrate has the control character U+2028"]),
        ({"packages": ["celery\0"]}, ["packages[0] has a NUL character"]),
        ({"python": "-c"}, ["python is '-c'"]),
        ({"app": "--config=x"}, ["app is '--config=x'"]),
        ({"app": "x" * 5000}, ["app is 5000 bytes long"]),
        ({"workers": [{"name": "w1", "node": "c {\n su root"}]}, ["workers[0].node has a line break"]),
        ({"workers": [{"name": "w1", "node": "c{@%h"}]}, ["workers[0].node is 'c{@%h'"]),
        ({"workers": [{"name": "w1", "node": "%x@%h"}]}, ["workers[0].node is '%x@%h'"]),
        ({"workers": [{"name": "w1", "queues": ["a\x1b[2J"]}]}, ["workers[0].queues[0] has", "U+001B"]),
        ({"workers": [{"name": "w1", "options": ["-EB"]}]}, ["workers[0].options has -B"]),
        ({"workers": [{"name": "w1", "options": ["-c4"]}]}, ["workers[0].options has -c"]),
        ({"workers": [{"name": "w1", "options": [""]}]}, ["workers[0].options[0] is empty"]),
        ({"environment": {"A": "\uffff"}}, ["environment.A is not valid UTF-8"]),
        ({"environment": {"A\nB": "x"}}, ["environment.'A\\nB' cannot be a variable"]),
        ({"a\nb": "x"}, ["celery_live.'a\\nb' is not a known key"]),
        ({"sandbox": {"UMask\n": "0027"}}, ["celery_live.sandbox.'UMask\\n' is not a known key"]),
        ({"virtualenv": "/srv/a=b"}, ["virtualenv has =", "env(1)"]),
        ({"command": []}, ["command is empty"]),
        ({"command": [""]}, ["command[0] is ''", "an absolute path"]),
        ({"command": ["./manage.py", "celery"]}, ["command[0] is './manage.py'", "an absolute path"]),
        ({"command": ["/usr/bin/env", "a\nb"]}, ["command[1] has a line break"]),
        ({"command": ["/opt/a=b/celery"]}, ["command[0] is '/opt/a=b/celery'", "env(1)"]),
        (
            {"workers": [{"name": "w1", "type": "forking", "command": ["ddtrace-run", "celery"]}]},
            ["workers[0].command does not work with type: forking"],
        ),
        ({"env_files": ["app.env"]}, ["env_files[0] is 'app.env'", "not an absolute path"]),
        ({"env_files": ["/etc/a.env", "-/etc/b.env"]}, ["env_files[1] is '-/etc/b.env'", "not an absolute path"]),
        ({"env_files": ["/etc/*.env"]}, ["env_files[0] is '/etc/*.env'", "letters, digits"]),
        ({"env_files": "/etc/a.env"}, ["env_files is not a list"]),
        ({"environment": {"CELERY_COMMAND": "x"}}, ["environment.CELERY_COMMAND is written by the collection"]),
        (
            {"workers": [{"name": "w1", "pool": "custom"}]},
            ["workers[0].environment.CELERY_CUSTOM_WORKER_POOL is missing", "celery_aio_pool.pool:AsyncIOPool"],
        ),
        (
            {"environment": {"CELERY_CUSTOM_WORKER_POOL": "aio"}, "workers": [{"name": "w1", "pool": "custom"}]},
            ["workers[0].environment.CELERY_CUSTOM_WORKER_POOL names no class"],
        ),
        ({"directory": "/srv/edc/"}, ["directory is '/srv/edc/'", "/srv/edc."]),
        ({"directory": "/srv/x/../edc"}, ["directory is '/srv/x/../edc'", "/srv/edc."]),
        ({"home": "//srv"}, ["home is '//srv'", "/srv."]),
        ({"directory": "/srv/{a}"}, ["directory is '/srv/{a}'", "letters, digits"]),
        ({"directory": "/srv/" + "x" * 256}, ["directory has a name of more than 255 bytes"]),
        ({"after": ["x.conf"]}, ["after has 'x.conf'"]),
        ({"beat": {"host": "app1", "scheduler": "x y"}}, ["beat.scheduler is 'x y'"]),
        ({"broker": {"host": "app1", "address": "a/b"}}, ["broker.address is 'a/b'"]),
        ({"flower": {"host": "app1", "address": "a b"}}, ["flower.address is 'a b'"]),
    ],
)
def test_a_string_that_would_be_something_else(keys: dict[str, Any], expected: list[str]) -> None:
    (problem,) = problems_of(keys)
    assert "\n" not in problem
    for part in expected:
        assert part in problem


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "/srv/venv/bin/celery"),
        ({"command": ["newrelic-admin", "run-program", "celery"]}, "/srv/venv/bin/newrelic-admin run-program celery"),
        ({"command": ["/opt/indico/.venv/bin/indico", "celery"]}, "/opt/indico/.venv/bin/indico celery"),
        ({"command": ["ddtrace-run", "celery", "a b", '"', "$HOME", "50%"]}, None),
    ],
)
def test_what_runs_celery(keys: dict[str, Any], words: str | None) -> None:
    assert problems_of(keys) == []
    both = {**keys, "beat": {"host": "app1"}, "flower": {"host": "app1"}}
    for service in services(environments({"live": {**MINIMAL, **both}}), "app1"):
        found = service["variables"]["CELERY_COMMAND"]
        assert found == (words or '/srv/venv/bin/ddtrace-run celery "a b" "\\"" "$HOME" 50%')
        assert "\nExecStart=/usr/bin/env $CELERY_COMMAND " in rendered(files_of([service])["files"][0])
        assert service["variables"]["CELERY_BIN"] == "/srv/venv/bin/celery"


def test_environment_files_of_the_host_are_read_before_ours_by_all_that_runs_the_application() -> None:
    keys = {"env_files": ["/etc/50%.env", "/etc/b.env"]}
    assert problems_of(keys) == []
    found = environments({"live": {**MINIMAL, **keys}})
    (service,) = services(found, "app1")
    unit, _variables, _target, command = (rendered(file) for file in files_of([service])["files"][:4])
    order = ["/etc/50%.env", "/etc/b.env", "/etc/conf.d/celery-live-w1.conf"]
    assert re.findall("(?m)^EnvironmentFile=(.*)$", unit.replace("%%", "%")) == order
    assert re.findall("EnvironmentFile=([^'\"]*)", command) == order
    assert trials_of([service])[0]["env_files"] == keys["env_files"]


def test_programs_of_the_virtual_environment_are_found_unless_the_environment_has_a_path_of_its_own() -> None:
    (service,) = services(environments({"live": MINIMAL}), "app1")
    assert service["variables"]["PATH"].startswith("/srv/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
    assert service["variables"]["VIRTUAL_ENV"] == "/srv/venv"
    (service,) = services(environments({"live": {**MINIMAL, "environment": {"PATH": "/opt/bin"}}}), "app1")
    assert service["variables"]["PATH"] == "/opt/bin"


@pytest.mark.parametrize(
    "worker",
    [
        {"pool": "processes", "autoscale": "4,1", "time_limit": 9, "soft_time_limit": 8, "max_tasks_per_child": 5},
        {"pool": "custom", "concurrency": 4, "environment": {"CELERY_CUSTOM_WORKER_POOL": "aio.pool:AsyncIOPool"}},
        {"pool": "custom", "env_files": ["/etc/pool.env"]},
    ],
)
def test_pools_of_other_names(worker: dict[str, Any]) -> None:
    assert problems_of({"workers": [{"name": "w1", **worker}]}) == []


def service_file(**keys: Any) -> list[str]:
    """Return the problems of a worker with these keys."""
    return problems_of({"workers": [{"name": "w1", **keys}]})


@pytest.mark.parametrize(
    "unit",
    [
        "systemd-logind.service",
        "stalk.celery.service",
        "stalk-try-x.service",
        "redis-celery-live.service",
        "rabbitmq-server.service",
        "celery-uat-w1.service",
        "celery-uat-any.thing.service",
        "celery-live-w1-failing.service",
        "stalk-watch-live.service",
    ],
)
def test_a_unit_that_is_not_ours_to_take(unit: str) -> None:
    (problem,) = service_file(unit=unit)
    assert f"celery_live.workers w1.unit is {unit}" in problem
    assert "Write another name, as celery-live-w1.service" in problem


@pytest.mark.parametrize("unit", ["-x.service", ".x.service", "x@y.service", "x\\x2d.service"])
def test_a_unit_that_systemctl_would_take_for_something_else(unit: str) -> None:
    (problem,) = service_file(unit=unit)
    assert f"celery_live.workers[0].unit is {unit!r}, which cannot be a unit name" in problem


@pytest.mark.parametrize(
    "path",
    [
        "/etc/cron.d/uatb",
        "/etc/cron.d/x.env",
        "/etc/sudoers.d/x",
        "/etc/systemd/system/x.service",
        "/etc/profile",
        "/etc/systemd/x.env",
        "/etc/logrotate.d/x.env",
        "/etc/nginx/conf.d/x.env",
        "/etc/default/docker",
        "/srv/app/.env",
        "/etc/celery-broker/passwords.env",
        "/etc/apt/apt.conf.d/celery",
        "/home/live/conf/w1.conf",
        "/etc/pam.d/celery",
        "/etc/sysconfig/sshd",
        "/etc/skel/x.env",
        "/run/x.env",
        "/etc/ssh/sshd_config.d/celery.env",
    ],
)
def test_an_env_file_where_others_read(path: str) -> None:
    (problem,) = service_file(env_file=path)
    assert f"celery_live.workers[0].env_file is {path}" in problem
    assert "Write" in problem or "Let" in problem


@pytest.mark.parametrize(
    "path",
    [
        "/etc/conf.d/celery",
        "/etc/default/celeryd",
        "/etc/sysconfig/celery-live",
        "/etc/myapp/myapp.env",
        "/etc/edc.env",
        "/etc/celery/w1.conf",
        "/etc/default/edc.env",
    ],
)
def test_an_env_file_that_only_its_service_reads(path: str) -> None:
    assert service_file(env_file=path) == []


@pytest.mark.parametrize(
    "path",
    [
        "/var/log/%n.log",
        "/tmp/w1.log",
        "/var/tmp/a/w1.log",
        "/run/x/w1.log",
        "/etc/celery/w1.log",
        "/srv/w1.log",
        "/opt/w1.log",
        "/home/w1.log",
        "/w1.log",
        "/usr/lib/x/w1.log",
        "/var/log/journal/w1.log",
        "/root/w1.log",
    ],
)
def test_a_log_file_in_a_directory_of_the_system(path: str) -> None:
    (problem,) = service_file(log_file=path)
    assert "celery_live.workers[0].log_file is in " in problem
    assert "Write /var/log/celery-live/%n.log" in problem


@pytest.mark.parametrize("path", ["/var/log/a/%x.log", "/var/log/a/w1.log%", "/var/log/a/%n%h", "/var/log/%n/a.log"])
def test_a_log_file_with_a_wrong_placeholder(path: str) -> None:
    (problem,) = service_file(log_file=path)
    assert problem.startswith("celery_live.workers[0].log_file ")


def test_one_log_file_for_two_workers() -> None:
    """Logrotate would refuse the second file, and fail every night."""
    (problem,) = problems_of(
        {"log_file": "/var/log/celery-live/celery.log", "workers": [{"name": "w1"}, {"name": "mail"}]}
    )
    assert "celery_live.workers mail and celery_live.workers w1 have the same log_file" in problem
    assert "Write %n" in problem


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("/d/w1.log", "/d/w1.log", True),
        ("/d/w1.log", "/d/w2.log", False),
        ("/d/w1.log", "/e/w1.log", False),
        ("/d/w1-[0-9]*.log", "/d/w1-2.log", True),
        ("/d/w1-[0-9]*.log", "/d/w1-x.log", False),
        ("/d/w*.log", "/d/*1.log", True),
        ("/d/a*b.log", "/d/a[0-9]*c.log", False),
        ("/d/w1.log", "/d/w1.log.1", True),
        ("/d/w1.log", "/d/w1.log", True),
    ],
)
def test_patterns_that_find_the_same_file(first: str, second: str, expected: bool) -> None:
    assert (overlap(first, second), overlap(second, first)) == (expected, expected)


def test_two_environments_with_one_log_directory() -> None:
    """A directory has one owner; the other environment could not write its log any more."""
    (problem,) = problems_of({"log_file": "/var/log/celery/live-%n.log"}, {"log_file": "/var/log/celery/uat-%n.log"})
    assert problem.startswith("celery_uat.workers w1 and celery_live.workers w1 have their log_file in one directory")
    assert "/var/log/celery-uat" in problem
    (problem,) = problems_of({}, {"log_file": "/var/log/celery-live/uat.log"}) or ["none"]
    assert problem == "none"  # nothing of live is there
    assert problems_of({"log_file": "/var/log/celery-live/%n.log"}, {"log_file": "/var/log/celery-live/x/uat.log"})


def test_the_log_file_of_beat_has_its_name_and_logrotate_finds_it() -> None:
    keys = {"log_file": "/var/log/celery-live/%n%I.log", "beat": {"host": "app1"}}
    assert problems_of(keys) == []
    _worker, beat = services(environments({"live": {**MINIMAL, **keys}}), "app1")
    assert beat["variables"]["CELERYBEAT_LOG_FILE"] == "/var/log/celery-live/beat.log"
    assert beat["log_patterns"] == ["/var/log/celery-live/beat.log"]
    (problem,) = problems_of({**keys, "log_file": "/var/log/celery-live/%n-%h.log"})
    assert "celery_live.log_file has %h, but beat is no node" in problem


def test_a_worker_of_the_name_of_beat_has_no_directory_of_its_own() -> None:
    workers = [{"name": "beat", "unit": "other.service", "env_file": "/etc/conf.d/other.conf", "node": "b@%h"}]
    (problem,) = problems_of({"workers": workers, "beat": {"host": "app1"}})
    assert "have the same name on this host: beat" in problem


def test_a_variable_of_the_play_is_not_seen_by_others() -> None:
    (problem,) = problems(NAMES, {"live": MINIMAL}, GROUPS, "app1", "", {"app1": {"celery_uat": {}}})
    assert "celery_live is a variable of the play; write it into group_vars/live.yml" in problem
    assert problems(NAMES, {"live": MINIMAL}, GROUPS, "app1", "", {"app1": {"celery_live": MINIMAL}}) == []


@pytest.mark.parametrize("names", ["live", {"live": 1}, 3])
def test_names_that_are_no_list(names: Any) -> None:
    (problem,) = problems(names, {}, GROUPS, "app1")
    assert problem.startswith("celery_environments is not a list")
