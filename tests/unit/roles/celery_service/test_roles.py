# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to use the roles in a playbook of one's own, with stand-ins for the modules and the hosts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.playbook import run_plays

COLLECTION = Path(__file__).parents[4]
STAND_IN = Path(__file__).with_name("stand_in.py").read_text(encoding="utf-8")
HOSTS = "[live]\napp1 ansible_connection=local\napp2 ansible_connection=local\n"
LIVE = {
    "app": "proj:app",
    "directory": "/srv/app",
    "virtualenv": "/srv/venv",
    "environment": {"PLAY": "{{ play }}"},
    "beat": {"host": "app1"},
    "flower": {"host": "app1"},
}
ROLE = "stalk.celery.celery_"
WORKER, BEAT, FLOWER = ROLES = [f"{ROLE}{kind}" for kind in ("worker", "beat", "flower")]
UNITS = {role: f"celery-live-{name}.service" for role, name in zip(ROLES, ("w1", "beat", "flower"), strict=True)}
WATCH = "stalk-watch-live.service"
RUN_ON = {"app1": ROLES, "app2": [WORKER]}
PYTHON = {"ansible_python_interpreter": sys.executable}
FORMS: dict[str, dict[str, Any]] = {
    "roles, host by host": {"roles": ROLES, "serial": 1, "hosts": "live"},
    "import_role": {"tasks": [{"import_role": {"name": role}} for role in ROLES]},
    "include_role in blocks": {
        "tasks": [{"block": [{"include_role": {"name": role}}], "when": "true"} for role in ROLES]
    },
    "include_role in a loop": {"tasks": [{"include_role": {"name": "{{ item }}"}, "loop": ROLES}]},
    "include_role with strategy free": {
        "tasks": [{"include_role": {"name": role}} for role in ROLES],
        "strategy": "free",
        "hosts": "live",
    },
    "handlers of the same names, flushed before": {
        "pre_tasks": [{"command": "true", "notify": "Restart what changed"}, {"meta": "flush_handlers"}],
        "roles": ROLES,
        "handlers": [{"name": name, "debug": {}} for name in ("Reload systemd", "Restart what changed")],
    },
}


TAGGED: dict[str, dict[str, Any]] = {
    "roles": {"roles": [{"role": WORKER}, {"role": BEAT, "tags": ["beat"]}, {"role": FLOWER, "tags": ["flower"]}]},
    "include_role": {
        "tasks": [
            {"include_role": {"name": role, "apply": {"tags": [role[-4:]]}}, "tags": [role[-4:]]} for role in ROLES
        ]
    },
}


MINIMAL: dict[str, Any] = {"app": "proj:app", "directory": "/srv/app", "virtualenv": "/srv/venv"}


class Fleet:
    """Two hosts in the environment live, with beat and Flower on the first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        real, own = COLLECTION, directory / "collections/ansible_collections/stalk/celery"
        (own / "plugins/modules").mkdir(parents=True)
        for name in ("roles", "meta", "galaxy.yml", *(f"plugins/{kind}" for kind in self._kinds(real))):
            (own / name).symlink_to(real / name)
        for module in (real / "plugins/modules").glob("*.py"):
            text = f"#!/usr/bin/python3\n{STAND_IN}\n\nmain({module.stem!r})\n"
            (own / "plugins/modules" / module.name).write_text(text)
        (directory / "bin").mkdir()
        for name in ("systemctl", "systemd-sysusers"):
            (directory / "bin" / name).write_text("#!/bin/sh\n")
            (directory / "bin" / name).chmod(0o755)
        (directory / "hosts.ini").write_text(HOSTS)

    @staticmethod
    def _kinds(collection: Path) -> list[str]:
        return [path.name for path in (collection / "plugins").iterdir() if path.name not in ("modules", "__pycache__")]

    def run(
        self,
        plays: Mapping[str, Mapping[str, Any]],
        *options: str,
        fails: bool = False,
        environments: Mapping[str, Any] = MappingProxyType({"live": LIVE}),
    ) -> str:
        """Run plays, each by its name and with another log level; return what Ansible printed."""
        (self.directory / "group_vars").mkdir(exist_ok=True)
        hosts = [f"[{name}]\napp1\n" for name in environments if name != "live"]
        (self.directory / "hosts.ini").write_text(HOSTS + "".join(hosts))
        variables = {f"celery_{name}": environment for name, environment in environments.items()}
        names = {"celery_environments": [*environments]}
        (self.directory / "group_vars/all.yml").write_text(json.dumps({**names, **variables}))
        done = run_plays(
            self.directory,
            [self._play(name, play) for name, play in plays.items()],
            "--inventory=hosts.ini",
            *options,
            PATH=f"{self.directory}/bin:{os.environ['PATH']}",
            ANSIBLE_COLLECTIONS_PATH=str(self.directory / "collections"),
            ANSIBLE_PIPELINING="1",
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def _play(self, name: str, play: Mapping[str, Any]) -> dict[str, Any]:
        host = f"{self.directory}/{{{{ inventory_hostname }}}}"
        return {
            "name": name,
            "hosts": "app1",
            "vars": {**PYTHON, "play": name},
            "environment": {"HOST": host, "PLAY": name},
            **play,
        }

    def done(self, play: str, host: str = "app1") -> list[str]:
        """Return what modules did on a host in a play, and to which units."""
        path = self.directory / host / "done"
        lines = (line.split("|") for line in (path.read_text().splitlines() if path.exists() else []))
        return [" ".join(names) for name, *names in lines if name == play and len(names) > 1]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.mark.processes
def test_every_way_to_use_the_roles_does_the_same(fleet: Fleet) -> None:
    """Each role tries all that differs and keeps what runs before it writes its own, and nothing is done twice."""
    first = {"roles": ROLES, "hosts": "live"}
    again = {**FORMS["import_role"], "vars": {**PYTHON, "play": [*FORMS][-1]}}
    fleet.run({"first": first, **FORMS, "again": again})
    for name, form in FORMS.items():
        for host in ("app1", "app2") if "hosts" in form else ("app1",):
            roles = RUN_ON[host]
            wanted = [[*prepared(*roles[index:]), *changed(role)] for index, role in enumerate(roles)]
            assert fleet.done(name, host) == [done for of_role in wanted for done in of_role], (name, host)
    assert fleet.done("again") == []


@pytest.mark.processes
def test_a_part_of_the_roles_alone_is_prepared_like_all_of_them(fleet: Fleet) -> None:
    """Whether tags select it or the playbook has no more; what would not start is refused before the first change."""
    fleet.run({"first": TAGGED["roles"]}, "--tags=beat")
    new = [*sorted(UNITS.values()), WATCH]
    started = f"start {UNITS[BEAT]} celery-live.target {WATCH}"
    assert fleet.done("first") == [f"try {' '.join(new)}", "keep live", f"write {UNITS[BEAT]} {WATCH}", started]
    fleet.run(
        {**TAGGED, "no other role": {"tasks": [{"import_role": {"name": BEAT}, "tags": ["beat"]}]}}, "--tags=beat"
    )
    for name in (*TAGGED, "no other role"):
        assert fleet.done(name) == [*prepared(*ROLES), *changed(BEAT)], name
    (fleet.directory / "app1" / UNITS[BEAT]).touch()
    output = fleet.run({"bad": TAGGED["roles"]}, "--tags=beat", fails=True)
    assert f"{UNITS[BEAT]} would not start" in output
    assert fleet.done("bad") == prepared(*ROLES)[:1]


@pytest.mark.processes
def test_what_an_earlier_play_tried_is_tried_anew(fleet: Fleet) -> None:
    """The code may be another one by now, and so may the environment be that a role is called for."""
    worker, beat = ({"tasks": [{"include_role": {"name": role}}]} for role in (WORKER, BEAT))
    fleet.run({"one": worker, "two": {**beat, "vars": {**PYTHON, "play": "one"}}})
    assert fleet.done("two")[:2] == [f"try {UNITS[BEAT]} {UNITS[FLOWER]}", "keep live"]
    other = {"tasks": [*worker["tasks"], {**beat["tasks"][0], "vars": {"play": "other"}}]}
    fleet.run({"three": other})
    assert fleet.done("three")[-4:] == [*prepared(*ROLES), *changed(BEAT)]


@pytest.mark.processes
def test_who_installs_for_long_waits_for_itself_alone(fleet: Fleet) -> None:
    """First those that need no packages are converged, then those that have them soon, then the slow ones in turn.

    An environment whose packages cannot be installed is told at the end, and keeps none from its services.
    """
    environments = {name: {**MINIMAL, "user": name} for name in ("endless", "quick", "slow", "broken", "none")}
    for name in ("endless", "quick", "slow", "broken"):
        environments[name]["packages"] = ["celery"]
    (fleet.directory / "app1").mkdir()
    for name, seconds in (("slow-endless", "inf"), ("slow-slow", "300"), ("broken-broken", "")):
        (fleet.directory / "app1" / name).write_text(seconds)
    output = fleet.run({"p": {"roles": [f"{ROLE}service"]}}, fails=True, environments=environments)
    assert "broken cannot be installed" in output
    started = [line.split()[1] for line in fleet.done("p") if line.startswith("start celery")]
    assert started == [f"celery-{name}-w1.service" for name in ("none", "quick", "slow", "endless")]


def prepared(*roles: str) -> list[str]:
    """Return what is done before a service is changed: those of all kinds that differ are tried, what runs is kept."""
    return [f"try {' '.join(sorted(UNITS[role] for role in roles))}", "keep live"]


def changed(role: str) -> list[str]:
    return [f"write {UNITS[role]}", f"restart {UNITS[role]}"]
