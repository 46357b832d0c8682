# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module finds on a host whose files are those of set-ups of the field, and the inventory made of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.stalk.celery.plugins.module_utils._host import _paths, _systemctl
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._files import files
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._found import Adopted, adopted
from ansible_collections.stalk.celery.plugins.plugin_utils._check._environments import problems_of_environments
from ansible_collections.stalk.celery.tests.unit.plugins.modules.conftest import Manager, Run

Look = Callable[..., dict[str, Any]]

SHAPES: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("shapes.yml").read_text(encoding="utf-8"))


def unit(command: str, *lines: str) -> dict[str, str]:
    """Return the file of celery.service."""
    text = "\n".join(["[Service]", *lines, f"ExecStart={command}", ""])
    return {"etc/systemd/system/celery.service": text}


def program(command: str, *lines: str) -> dict[str, str]:
    """Return the file of a Supervisor that has one program."""
    return {"etc/supervisord.conf": "\n".join(["[program:edc]", f"command={command}", *lines, ""])}


@pytest.fixture
def look(tmp_path: Path, run: Run, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Run the module on a host whose files are those that are given, below a root of its own."""
    root = tmp_path / "root"
    for name in ("names", "target", "exists", "read_linked", "open_directory"):
        monkeypatch.setattr(_paths, name, _below(root, getattr(_paths, name)))
    manager.add()
    monkeypatch.setattr(_systemctl, "UNIT_DIRECTORIES", ("/etc/systemd/system",))

    def looked(texts: Mapping[str, str], links: Mapping[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
        for path, text in texts.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        for path, target in (links or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)
        return run("foreign_info", **arguments)

    return looked


def _below(root: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda path, *more: function(path if path.startswith(str(root)) else f"{root}{path}", *more)


def inventory(found: dict[str, Any]) -> tuple[Adopted, dict[str, Any], str]:
    """Return what is made of what the module found: all of it, the environments as YAML has them, all texts."""
    result = adopted({"app1": found}, unit_names=False)
    texts = files(result.environments, {}, result.lines)
    values = {}
    for one in result.environments:
        values[one.name] = yaml.safe_load(texts[f"group_vars/{one.name}/celery.yml"])[f"celery_{one.name}"]
    return result, values, "\n".join(texts.values())


@pytest.mark.parametrize("name", SHAPES)
def test_set_ups_of_the_field_become_an_inventory(look: Look, name: str) -> None:
    shape = SHAPES[name]
    found = look(shape["files"], shape.get("links"))
    result, values, text = inventory(found)
    assert values == shape["environments"]
    assert [note for note in shape.get("notes", []) if note not in text] == []
    assert "hunter2" not in json.dumps(found)
    assert result.lines == []


def process(*words: str, **changes: Any) -> Process:
    """Return a process of this user in a unit."""
    values = {"pid": os.getpid(), "parent": 1, "uid": os.getuid(), "directory": "/srv/edc", "variables": {}}
    return Process(**{**values, "words": words, "cgroup": "/system.slice/celery.service", **changes})


def test_a_host_without_celery_has_nothing(look: Look) -> None:
    found = look({"etc/systemd/system/ssh.service": "[Service]\nExecStart=/usr/sbin/sshd -D\n"})
    assert (found["services"], found["lines"], found["changed"]) == ([], [], False)


def test_a_service_that_runs_is_told_by_its_unit_and_by_its_process(look: Look, processes: list[Process]) -> None:
    """Options from the unit; what the unit does not say from the process: a variable, and that it runs."""
    words = ("/srv/venv/bin/python", "/srv/venv/bin/celery", "-A", "edc", "worker", "-c", "9")
    processes.append(process(*words, variables={"FROM_A_FILE": "1", "INVOCATION_ID": "x"}))
    processes.append(process(*words, parent=os.getpid()))
    (service,) = look(unit("celery -A edc worker -c 4", "User=live"))["services"]
    assert (service["running"], service["virtualenv"]) == (True, "/srv/venv")
    assert service["options"][-1] == ["--concurrency", "4"]
    assert service["variables"] == {"FROM_A_FILE": {"value": "1", "secret": False}}


def test_a_process_tells_what_a_script_does_not(look: Look, processes: list[Process]) -> None:
    """The script of a unit has what only a shell knows."""
    processes.append(process("python", "-m", "celery", "-A", "edc", "worker", "-Q", "a", "-n", "x@h"))
    script = "#!/bin/sh\nnewrelic-admin run-program celery -A edc worker -Q $(queues)\n"
    (service,) = look({**unit("/srv/run.sh"), "srv/run.sh": script})["services"]
    assert ["--queues", "a"] in service["options"]
    assert service["command"] == ["newrelic-admin", "run-program", "celery"]


def test_what_a_user_starts_is_there_and_belongs_to_no_program(look: Look, processes: list[Process]) -> None:
    """However it calls itself."""
    variables = {"SUPERVISOR_PROCESS_NAME": "edc"}
    words = ("python", "-m", "celery", "-A", "evil", "worker")
    processes.append(process(*words, cgroup="/user.slice", variables=variables))
    found = look(program("celery -A edc worker", "user=somebody"))
    assert [(one["manager"], one["running"], one["options"][0][1]) for one in found["services"]] == [
        ("", True, "evil"),
        ("supervisor", False, "edc"),
    ]


def test_a_process_that_ends_while_it_is_looked_at_is_a_line(look: Look, processes: list[Process]) -> None:
    processes.append(process("python", "-m", "celery", "-A", "edc", "worker", pid=2**22 + 1))
    found = look(unit("celery -A edc worker"))
    assert found["lines"] == ["celery.service: a process of it ended while it was looked at"]
    assert len(found["services"]) == 1


def test_thousands_of_processes_of_one_user_hide_nobody_elses(look: Look, processes: list[Process]) -> None:
    command = ("python", "-m", "celery", "-A", "edc", "worker")
    processes += [process(*command, pid=10**7 + n, cgroup="/user.slice") for n in range(3000)]
    processes.append(process(*command, "-Q", "other", uid=4242, cgroup="/user.slice"))
    found = look({})
    users = [service["user"] for service in found["services"]]
    assert (users.count("4242"), len(users)) == (1, 51)
    assert any("has 3000 Celery processes that no set-up starts; only 50 are here" in line for line in found["lines"])


BROKEN = {
    "a unit that does not parse": (
        {"etc/systemd/system/celery.service": "[Service]\nnonsense\nExecStart=celery -A edc worker\n"},
        "celery.service: /etc/systemd/system/celery.service or a drop-in of it has a line that is no assignment",
    ),
    "a quote that is not closed": (
        unit("/bin/sh -c 'celery -A edc worker"),
        "celery.service: a quote is not closed in one of its lines",
    ),
    "an environment file that is not there": (
        unit("celery -A edc worker", "EnvironmentFile=/etc/conf.d/celery"),
        "celery.service: its EnvironmentFile=/etc/conf.d/celery does not exist",
    ),
    "a file with variables that nobody reads": (
        {"etc/default/celeryd": "CELERY_APP=edc\n"},
        "/etc/default/celeryd is read by no unit and no script that was found",
    ),
    "a Supervisor that includes what is not there": (
        {"etc/supervisord.conf": "[supervisord]\n[include]\nfiles = more.ini\n"},
        "/etc/supervisord.conf includes /etc/more.ini, and there is no such file",
    ),
    "a Supervisor's file that does not parse": (
        {"etc/supervisord.conf": "[program:x\ncommand=celery worker"},
        "/etc/supervisord.conf cannot be read: File contains no section headers.",
    ),
    "a program that only Supervisor understands": (
        program("celery -A edc worker -n %(ENV_NODE)s"),
        "program edc in /etc/supervisord.conf cannot be read: it uses %(ENV_NODE)s, which only Supervisor knows",
    ),
    "a multi that cannot work": (
        unit("celery multi start w1 -c:7 3"),
        "celery.service (/etc/systemd/system/celery.service) cannot work: there is no node 7 for its options",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_a_line_and_the_rest_goes_on(look: Look, name: str) -> None:
    """A sound unit beside it is found."""
    texts, line = BROKEN[name]
    (sound,) = unit("celery -A sound worker").values()
    found = look({**texts, "etc/systemd/system/sound-celery.service": sound})
    assert [said for said in found["lines"] if said.startswith(line)] != [], found["lines"]
    assert [one["name"] for one in found["services"]][-1] == "sound-celery.service"


def test_a_variable_that_no_inventory_can_have_is_a_line(look: Look, processes: list[Process]) -> None:
    variables = {"BINARY": "a\ufffdb", "%x": "1"}
    processes.append(process("python", "-m", "celery", "-A", "edc", "worker", variables=variables))
    found = look(unit("celery -A edc worker"))
    assert found["lines"] == [
        "celery.service: its variable '%x' can be no variable of a unit and is left out",
        "celery.service: its variable BINARY is not valid UTF-8 and is left out",
    ]
    assert found["services"][0]["variables"] == {}


SECRETS = {
    "a URL with a password": "CELERY_BROKER_URL=redis://live:hunter2@h/1",
    "one whose password has an @": "CELERY_BROKER_URL=redis://live:x@hunter2@h/1",
    "one that is misspelt": "X=redis:/live:hunter2@h/1",
    "a key": "SECRET_KEY=hunter2",
    "JSON with a password in it": "DATABASES={'NAME':'x','PASSWORD':'hunter2'}",
    "a long random text": "WHATEVER=hunter2hunter2hunter2",
    "a DSN": "SENTRY=https://hunter2@sentry.example.com/1",
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_leaves_its_host_only_when_somebody_wants_it(look: Look, name: str) -> None:
    """Neither as a variable nor in the text of a command that has it too."""
    variable, _equals, value = SECRETS[name].partition("=")
    option = f"--broker={value} " if "BROKER" in variable else ""
    found = look(unit(f"celery -A edc {option}worker", f'Environment="{SECRETS[name]}"'))
    assert "hunter2" not in found["printed"]
    assert "hunter2" in look({}, secrets=True)["services"][0]["variables"][variable]["value"]


def test_what_all_set_ups_on_one_host_become_is_accepted_and_the_same_twice(look: Look) -> None:
    """Those of all names of files that do not collide."""
    texts: dict[str, str] = {}
    links: dict[str, str] = {}
    for shape in SHAPES.values():
        texts.update({path: text for path, text in shape["files"].items() if path not in texts})
        links.update(shape.get("links", {}))
    found = look(texts, links)
    assert "hunter2" not in found["printed"]
    result, values, text = inventory(found)
    assert len(values) >= len(SHAPES) - 3
    assert inventory(look({}))[2] == text
    assert not [one for one in result.environments if _problems(result, one.name)]


def _problems(result: Adopted, name: str) -> list[str]:
    environments = {one.name: one.value for one in result.environments}
    groups = {one.name: one.hosts for one in result.environments}
    hostvars = {"app1": {f"celery_{key}": value for key, value in environments.items()}}
    return problems_of_environments([*environments], environments, [name], groups, "app1", hostvars)
