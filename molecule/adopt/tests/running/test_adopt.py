# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What adopt.yml makes of set-ups that run: the inventory, its secrets, and nothing on the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet import files, on_host
from tests.inventory import Inventory
from tests.runs import changes, converged

ADOPT = "playbooks/adopt.yml"
CHECK = "molecule/adopt/check.yml"
HOSTS = ("app1", "app2")
SECRET = "hunter2"
STATE = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service"]
PROCESSES = ["sh", "-c", "pgrep --full 'bin/[c]elery|-m [c]elery|[s]upervisord' | sort"]


def of_hosts() -> list[str]:
    """Return all that a run could change on the hosts: files, units, processes."""
    return [text for host in HOSTS for text in (files(host), on_host(host, *STATE), on_host(host, *PROCESSES))]


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, list[str], list[str]]]:
    """Adopt with all secrets; the inventory, the output, and the hosts before and after."""
    directory = tmp_path_factory.mktemp("adopted") / "mine"
    before = of_hosts()
    output = converged("-vvv", playbook=ADOPT, variables=where(directory))
    yield directory, output, before, of_hosts()


def where(directory: Path) -> dict[str, str]:
    """Return the variables that say where to write."""
    vault = directory / "group_vars" / "all" / "vault.yml"
    return {"celery_adopt_directory": str(directory), "celery_adopt_secrets": str(vault)}


def environment(directory: Path, name: str) -> dict[str, Any]:
    """Return an environment of the inventory."""
    text = (directory / "group_vars" / name / "celery.yml").read_text(encoding="utf-8")
    value: dict[str, Any] = yaml.safe_load(text)[f"celery_{name}"]
    return value


def test_nothing_changes_on_a_host(adopted: tuple[Path, str, list[str], list[str]]) -> None:
    """Neither a file nor a unit nor a process."""
    _directory, output, before, after = adopted
    assert after == before
    assert changes(output) == {"app1": 1, "app2": 0}, "the one change is the inventory, on the control node"


def test_each_set_up_is_an_environment_of_its_host(adopted: tuple[Path, str, list[str], list[str]]) -> None:
    """Two applications of one user, and one of several services."""
    hosts = (adopted[0] / "hosts.ini").read_text(encoding="utf-8")
    assert [block.split("\n")[:2] for block in hosts.split("\n\n")] == [
        [f"[{name}]", host]
        for name, host in (
            ("adhoc", "app2"),
            ("cms", "app2"),
            ("galaxy", "app1"),
            ("indico", "app2"),
            ("kobo", "app2"),
            ("lms", "app2"),
            ("main", "app1"),
            ("openwisp", "app2"),
            ("taiga", "app1"),
            ("ynr", "app1"),
        )
    ]


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("main", {"worker": {"time_limit": 300}, "video": {"queues": ["video", "mail"]}}),
        ("galaxy", {f"galaxy-{number}": {"pool": "threads", "concurrency": 1} for number in (1, 2)}),
        ("taiga", {"taiga-async": {"concurrency": 1, "node": "celery@%h"}}),
        ("ynr", {"ynr1": {"max_tasks_per_child": 50, "log_file": "/var/log/ynr/%n%I.log"}}),
        ("openwisp", {"openwisp": {"options": ["-Ofair"]}, "background": {"autoscale": "2,1", "queues": ["network"]}}),
        ("lms", {"edx.lms.default": {"queues": ["edx.lms.default"], "node": "edx.lms.default.%h"}}),
        ("indico", {"indico-celery": {"sandbox": {"UMask": "0027"}, "stop_timeout": 300}}),
        ("kobo", {"kpi_main_worker": {"autoscale": "2,1", "options": ["--exclude-queues=sync_kobocat"]}}),
        ("adhoc", {"w1": {"queues": ["adhoc"], "concurrency": 1}}),
    ],
)
def test_workers_are_as_they_run(
    adopted: tuple[Path, str, list[str], list[str]], name: str, workers: dict[str, dict[str, Any]]
) -> None:
    """Each of them runs, so none is stopped in the inventory."""
    found = {worker["name"]: worker for worker in environment(adopted[0], name)["workers"]}
    assert {key: {**found[key], **wanted} for key, wanted in workers.items()} == found
    assert [worker for worker in found.values() if "state" in worker] == []


def test_what_is_one_of_its_kind_is_there_too(adopted: tuple[Path, str, list[str], list[str]]) -> None:
    """Beat in its own service or within a worker, Flower, a drop-in, a program in front of Celery."""
    names = ("main", "taiga", "ynr", "galaxy", "lms")
    main, taiga, ynr, galaxy, lms = (environment(adopted[0], name) for name in names)
    assert [own["beat"]["host"] for own in (main, taiga, ynr)] == ["app1"] * 3
    assert main["flower"]["port"] == 5556
    assert main["flower"]["basic_auth"] == ["admin:{{ vault_celery_main_flower_basic_auth }}"]
    assert galaxy["limits"] == {"MemoryMax": "8G", "Nice": "5"}
    assert lms["command"] == ["/opt/openwisp2/newrelic-admin", "run-program", "/opt/venv/bin/celery"]
    assert lms["stop_timeout"] == 432000
    assert taiga["write_paths"] == ["/home/taiga/taiga-back/media"], "also for the beat, which has the same application"


def test_secrets_are_in_the_vault_file_and_nowhere_else(adopted: tuple[Path, str, list[str], list[str]]) -> None:
    """Neither in what is printed with -vvv nor in another file."""
    directory, output, _before, _after = adopted
    vault = directory / "group_vars" / "all" / "vault.yml"
    secrets = yaml.safe_load(vault.read_text(encoding="utf-8"))
    assert secrets["vault_celery_main_broker_url"] == "redis://:hunter2-of-redis@127.0.0.1:6379/0"
    assert secrets["vault_celery_kobo_broker_url"] == "redis://:hunter2-of-redis@127.0.0.1/4", "a script says that"
    assert secrets["vault_celery_main_flower_basic_auth"] == "hunter2-of-flower"
    assert vault.stat().st_mode & 0o777 == 0o600
    others = [path for path in directory.rglob("*") if path.is_file() and path != vault]
    assert [path for path in others if SECRET in path.read_text(encoding="utf-8")] == []
    assert SECRET not in output


def test_the_check_of_site_yml_accepts_it_as_it_is(adopted: tuple[Path, str, list[str], list[str]]) -> None:
    """With the secrets, which it compares."""
    inventory = Inventory.__new__(Inventory)
    inventory.directory = adopted[0]
    converged(playbook=CHECK, inventory=inventory)


def test_a_second_run_writes_the_same(adopted: tuple[Path, str, list[str], list[str]]) -> None:
    """And so does one into another directory."""
    directory = adopted[0]
    assert changes(converged(playbook=ADOPT, variables=where(directory))) == {"app1": 0, "app2": 0}
    other = directory.with_name("other")
    converged(playbook=ADOPT, variables=where(other))
    written = {path.relative_to(directory): path.read_text(encoding="utf-8") for path in directory.rglob("*.*")}
    assert {path: (other / path).read_text(encoding="utf-8") for path in written} == written


def test_a_user_can_neither_be_another_one_nor_send_root_elsewhere(tmp_path: Path) -> None:
    """A process that calls itself a program of Supervisor's, a variable that is a template, a script that is a link."""
    on_host("app2", "sh", "-c", "printf '#!/bin/sh\\ncelery -A x worker -Q of-root\\n' >/root/s; chmod 600 /root/s")
    on_host("app2", "sh", "-c", "cd /srv/src/kpi && mv run_celery.bash r && ln -s /root/s run_celery.bash", user="kobo")
    variables = 'SUPERVISOR_PROCESS_NAME=celery EVIL=\'{{ lookup("pipe", "id") }}\''
    process = "python -c 'import time; time.sleep(90)' celery -A openwisp2 worker -n openwisp@%h -Q stolen"
    on_host("app2", "sh", "-c", f"cd /tmp; {variables} setsid /opt/venv/bin/{process} >/dev/null 2>&1 &", user="adhoc")
    directory = tmp_path / "mine"
    converged(playbook=ADOPT, variables=where(directory))
    on_host("app2", "sh", "-c", "cd /srv/src/kpi && mv r run_celery.bash", user="kobo")
    openwisp = (directory / "group_vars" / "openwisp" / "celery.yml").read_text(encoding="utf-8")
    assert "stolen" not in openwisp and "EVIL" not in openwisp
    texts = "".join(path.read_text(encoding="utf-8") for path in directory.rglob("*.yml"))
    assert "of-root" not in texts
    assert 'EVIL: !unsafe "{{ lookup' in texts
    assert environment(directory, "kobo")["workers"][0]["name"] == "kpi_main_worker", "its process tells"
