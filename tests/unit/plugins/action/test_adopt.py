# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that adopt shows and writes, as ansible-playbook runs it on this machine, and as Ansible reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.playbook import run_play
from ansible_collections.stalk.celery.tests.unit.plugins.action.test_action import Done
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.adopting import host, service

pytestmark = pytest.mark.programs

SECRET = "redis://live:hunter2@broker1/1"
VARIABLES = {
    "CELERY_BROKER_URL": {"value": SECRET, "secret": True},
    "TEMPLATE": {"value": "{{ lookup('pipe', 'touch hit') }}", "secret": False},
    "TEXT": {"value": "two\nlines: 'and' \"quotes\" \\ # {% ä \U0001f600 \x1b[2J", "secret": False},
    "NUMBER": {"value": "012", "secret": False},
    "TRUTH": {"value": "yes", "secret": False},
}
RESULTS: dict[str, Any] = {
    "app1": host(service(variables=VARIABLES), lines=["x.service: \x1b[2J{{ evil }}"]),
    "app2": host(),
    "app3": {"unreachable": True, "msg": "No route to host"},
    "app4": {"failed": True, "msg": "It needs root"},
    "app5": {"services": "odd"},
}


def adopt(**options: Any) -> dict[str, Any]:
    """Return the task. What hosts answered has been through no template, so it is none here."""
    return {"stalk.celery.adopt": {"results": "{{ answers }}", **options}, "run_once": True}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Adopt in all ways, one after the other in one directory."""
    here = tmp_path_factory.mktemp("adopt")
    (here / "password").write_text("vault\n")
    (here / "answers.json").write_text(json.dumps(RESULTS))
    (here / "empty.json").write_text(json.dumps({"app2": host()}))
    wrong = here / "wrong" / "hosts.ini"
    wrong.parent.mkdir()
    wrong.write_text("[mine]\n")
    tasks = {
        "shown": adopt(),
        "checked": {**adopt(directory="checked", secrets="checked.yml"), "check_mode": True},
        "written": adopt(directory="mine", secrets="mine/group_vars/all/vault.yml"),
        "again": adopt(directory="mine", secrets="mine/group_vars/all/vault.yml"),
        "in the way": adopt(directory="wrong", secrets="wrong.yml"),
        "nothing": {"stalk.celery.adopt": {"results": "{{ lookup('file', 'empty.json') | from_json }}"}},
        "unknown": adopt(dir="mine"),
    }
    answers = "{{ lookup('file', 'answers.json') | from_json }}"
    return Done(here, tasks, "-vvv", "--vault-password-file", "password", answers=answers)


def test_without_a_directory_the_inventory_is_shown(done: Done) -> None:
    shown = done.tasks["shown"]
    assert "# hosts.ini\n[live]\napp1\n" in shown
    assert 'CELERY_BROKER_URL: "{{ vault_celery_live_broker_url }}"' in shown
    assert "Not shown and not written are the secrets, to which these variables refer: vault_celery_live_" in shown
    assert "1 environment on 1 host can be adopted." in shown


def test_each_host_that_has_nothing_to_say_is_a_line(done: Done) -> None:
    for line in (
        "# app1: x.service: \\x1b[2J{{ evil }}",
        "# app2: no Celery was found that is not of this collection",
        "# app3: cannot be reached: No route to host",
        "# app4: could not be looked at: It needs root",
        "# app5: its answer cannot be used, since hostname is not a name of at most 255 characters",
    ):
        assert line in done.tasks["shown"]
    assert "No Celery was found that could be adopted." in done.tasks["nothing"]
    assert "fatal" not in done.tasks["nothing"]


def test_no_secret_is_printed(done: Done) -> None:
    """Also not with -vvv."""
    assert "hunter2" not in done.output


def test_in_check_mode_nothing_is_written(done: Done) -> None:
    assert "# hosts.ini" in done.tasks["checked"]
    assert not (done.directory / "checked").exists()
    assert not (done.directory / "checked.yml").exists()


def test_nothing_is_overwritten(done: Done) -> None:
    """Nor is a part of it written."""
    assert "wrong/hosts.ini exists and says something else" in done.tasks["in the way"]
    assert [path.name for path in (done.directory / "wrong").rglob("*")] == ["hosts.ini"]
    assert not (done.directory / "wrong.yml").exists()


def test_a_second_run_changes_nothing(done: Done) -> None:
    """Though the vault would be encrypted otherwise each time."""
    assert "changed: [localhost]" in done.tasks["written"]
    assert "ok: [localhost]" in done.tasks["again"]


def test_an_option_that_is_unknown_is_refused(done: Done) -> None:
    assert "dir. Supported parameters include: directory, results, secrets, unit_names." in done.tasks["unknown"]


def test_ansible_reads_what_the_host_said(done: Done) -> None:
    """With the vault, which is encrypted; what looks like a template stays a text."""
    vault = done.directory / "mine" / "group_vars" / "all" / "vault.yml"
    assert vault.read_text().startswith("$ANSIBLE_VAULT;")
    assert vault.stat().st_mode & 0o777 == 0o600
    play = {
        "hosts": "app1",
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [
            {"copy": {"content": "{{ celery_live.environment | to_json }}", "dest": "{{ playbook_dir }}/read.json"}}
        ],
    }
    ran = run_play(done.directory, play, "-i", "mine", "--vault-password-file", "password")
    assert ran.returncode == 0, ran.stdout
    read = json.loads((done.directory / "read.json").read_text())
    assert read == {name: one["value"] for name, one in VARIABLES.items()}
    assert not (done.directory / "hit").exists()


def test_without_a_vault_password_the_vault_is_plain_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(json.dumps({"app1": RESULTS["app1"]}))
    answers = "{{ lookup('file', 'answers.json') | from_json }}"
    text = Done(tmp_path, {"written": adopt(secrets="vault.yml")}, answers=answers).tasks["written"]
    assert f"Written: {tmp_path}/vault.yml; encrypt it: ansible-vault encrypt {tmp_path}/vault.yml" in text
    assert SECRET in (tmp_path / "vault.yml").read_text()
    subprocess.run([sys.executable, "-c", "import yaml; yaml.safe_load(open('vault.yml'))"], cwd=tmp_path, check=True)
