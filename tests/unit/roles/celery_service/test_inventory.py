# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's check of an inventory in which live and uat have hosts of their own, as ansible-playbook runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ansible_collections.stalk.celery.tests.unit.playbook import run_play, run_plays

pytestmark = pytest.mark.programs

HOSTS = "[live]\napp1\n[uat]\napp2\n[all:vars]\nansible_connection=local\ncelery_environments=['live', 'uat']\n"
CHECK = {"name": "Check", "import_role": {"name": "stalk.celery.celery_service", "tasks_from": "plan"}}
ENVIRONMENT = "celery_{0}: {{app: edc, directory: /srv, virtualenv: /srv, environment: {{CELERY_BROKER_URL: {1}}}}}\n"
URL = "redis://:s3cret@db1/1"
VAULTED = "$ANSIBLE_VAULT;1.1;AES256\n" + "3" * 80 + "\n"


def check(directory: Path, uat: str, *options: str) -> tuple[int, str]:
    """Run the check with live at ``URL`` and this text in uat's variables; return exit status and output."""
    (directory / "hosts.ini").write_text(HOSTS)
    (directory / "group_vars").mkdir()
    (directory / "group_vars/live.yml").write_text(ENVIRONMENT.format("live", URL))
    (directory / "group_vars/uat.yml").write_text(uat)
    done = run_play(directory, {"hosts": "all", "tasks": [CHECK]}, "-i", "hosts.ini", *options)
    return done.returncode, done.stdout


@pytest.mark.parametrize("options", [(), ("-l", "live")])
def test_environments_on_two_hosts_that_would_share_a_broker(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The run is refused also when the other environment is not a part of it; no password is shown."""
    uat = ENVIRONMENT.format("uat", '"{{ secret_url }}"') + "secret_url: rediss://:0ther@DB1/1\n"
    status, output = check(tmp_path, uat, *options, "-vvv")
    assert status != 0
    assert "leads to the same broker and database as that of uat" in output
    assert "s3cret" not in output
    assert "0ther" not in output


def test_a_value_whose_template_fails_is_named(tmp_path: Path) -> None:
    """One that needs a fact tells how to gather it; the others are checked all the same."""
    uat = "celery_uat: {app: edc, directory: /srv, virtualenv: /srv, limits: {Nice: 99}, "
    uat += "environment: {A: '{{ absent.a }}'}, "
    uat += "workers: [{name: w1, concurrency: '{{ ansible_facts.processor_vcpus }}', queues: ['{{ absent }}']}]}\n"
    status, output = check(tmp_path, uat)
    assert status != 0
    assert "celery_uat.environment.A has no value: 'absent' is undefined" in output
    assert "celery_uat.workers[0].concurrency has no value: " in output
    assert "If processor_vcpus is a fact of the host, gather it first: " in output
    assert "celery_uat.workers[0].queues[0] has no value: 'absent' is undefined" in output
    assert "celery_uat.limits.Nice is '99'" in output


def test_a_value_may_be_a_fact_of_the_host_or_omitted(tmp_path: Path) -> None:
    """A fact is one that a play has gathered before, as docs/inventory.md says; what is omitted is not there."""
    (tmp_path / "hosts.ini").write_text("[live]\napp1 ansible_connection=local\n")
    (tmp_path / "group_vars").mkdir()
    omitted = "'{{ absent | default(omit) }}'"
    concurrency = "'{{ ansible_facts.processor_vcpus * 2 }}'"
    workers = f"[{{name: w1, queues: {omitted}, concurrency: {concurrency}}}, {omitted}]"
    others = f"environment: {{A: {omitted}}}, beat: {omitted}, stop_timeout: {omitted}"
    variables = f"celery_live: {{app: edc, directory: /srv, virtualenv: /srv, workers: {workers}, {others}}}\n"
    (tmp_path / "group_vars/all.yml").write_text(f"celery_environments: [live]\n{variables}")
    python = {"ansible_python_interpreter": sys.executable}
    gathering = {"hosts": "all", "gather_facts": True, "gather_subset": ["hardware"], "vars": python}
    done = run_plays(tmp_path, [gathering, {"hosts": "all", "tasks": [CHECK]}], "-i", "hosts.ini")
    assert done.returncode == 0, done.stdout


OMITTED = "'{{ absent | default(omit) }}'"


@pytest.mark.parametrize(
    "more",
    [
        f"broker: {{host: app2, port: {OMITTED}, address: {OMITTED}}}",
        f"broker: {OMITTED}",
        f"user: {OMITTED}, group: {OMITTED}, broker: {{host: app2}}",
        f"beat: {{host: app2, environment: {{A: {OMITTED}}}}}, sandbox: {{SupplementaryGroups: {OMITTED}}}",
    ],
)
def test_what_is_omitted_is_not_written_for_the_broker_and_the_accounts_either(tmp_path: Path, more: str) -> None:
    """Other hosts of the inventory read it too, as that of the broker does."""
    status, output = check(tmp_path, f"celery_uat: {{app: edc, directory: /srv, virtualenv: /srv, {more}}}\n")
    assert status == 0, output
    assert "Omit" not in output


def test_what_is_omitted_beside_a_value_that_fails_is_not_told_as_wrong(tmp_path: Path) -> None:
    own = f"home: {OMITTED}, environment: {{A: {OMITTED}, B: '{{{{ nothing }}}}'}}, workers: [{OMITTED}, {{name: w1}}]"
    status, output = check(tmp_path, f"celery_uat: {{app: edc, directory: /srv, virtualenv: /srv, {own}}}\n")
    assert status != 0
    assert "celery_uat.environment.B has no value: 'nothing' is undefined" in output
    assert "celery_uat.home" not in output
    assert "celery_uat.environment.A" not in output
    assert "celery_uat.workers" not in output


def test_an_environment_in_the_variables_of_a_play_is_refused(tmp_path: Path) -> None:
    """Other hosts and playbooks would not see it, and the broker that it asks for would be ignored."""
    (tmp_path / "hosts.ini").write_text("[live]\napp1 ansible_connection=local\n")
    broker = "broker: {host: app1, kind: redis_socket}"
    (tmp_path / "more.yml").write_text(f"celery_live: {{app: edc, directory: /srv, virtualenv: /srv, {broker}}}\n")
    play = {"hosts": "all", "vars": {"celery_environments": ["live"]}, "tasks": [CHECK]}
    done = run_play(tmp_path, {**play, "vars_files": ["more.yml"]}, "-i", "hosts.ini")
    assert "celery_live is a variable of the play; write it into group_vars/live.yml" in done.stdout
    assert run_play(tmp_path, play, "-i", "hosts.ini", "-e", "@more.yml").returncode == 0


@pytest.mark.parametrize(
    "uat",
    [
        VAULTED,
        ENVIRONMENT.format("uat", '"{{ nobody_set_this }}"'),
        ENVIRONMENT.format("uat", "!vault " + json.dumps(VAULTED)),
        ENVIRONMENT.format("uat", '"{{ secret_url }}"') + f"secret_url: !vault {json.dumps(VAULTED)}\n",
        "celery_uat: no dict\n",
        "",
    ],
    ids=["vault file", "undefined", "vaulted", "vaulted elsewhere", "no dict", "missing"],
)
def test_what_is_wrong_with_uat_does_not_stop_live(tmp_path: Path, uat: str) -> None:
    """A run for live alone goes on, also without the vault password of uat."""
    status, output = check(tmp_path, uat, "-l", "live")
    assert status == 0, output
    assert "uat" not in output


SHARED = "[live]\napp1\n[uat]\napp1\n[all:vars]\nansible_connection=local\ncelery_environments=['live', 'uat']\n"


@pytest.mark.parametrize(
    "uat",
    [
        'celery_uat: "{{ nothing }}"\n',
        'celery_uat: "{{ [] | first }}"\n',
        'celery_uat: "{{ celery_uat }}"\n',
        "celery_uat: \"{{ lookup('file', '/nonexistent') }}\"\n",
        "celery_uat: \"{{ lookup('env') }}{% if %}\"\n",
        'celery_uat: "{{ secret | combine({}) }}"\nsecret: !vault ' + json.dumps(VAULTED) + "\n",
        "celery_uat: !vault " + json.dumps(VAULTED) + "\n",
    ],
    ids=["undefined", "empty", "recursive", "lookup", "syntax", "vaulted elsewhere", "vaulted"],
)
def test_the_whole_variable_of_uat_fails_on_a_host_of_both(tmp_path: Path, uat: str) -> None:
    """A run for live goes on; one for uat names the variable."""
    (tmp_path / "hosts.ini").write_text(SHARED)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/live.yml").write_text(ENVIRONMENT.format("live", URL))
    (tmp_path / "group_vars/uat.yml").write_text(uat)
    play = {"hosts": "all", "tasks": [CHECK]}
    of_live = run_play(tmp_path, play, "-i", "hosts.ini", "-l", "live")
    assert of_live.returncode == 0, of_live.stdout
    of_uat = run_play(tmp_path, play, "-i", "hosts.ini", "-l", "uat")
    assert of_uat.returncode != 0
    assert "celery_uat has no value: " in of_uat.stdout
    assert "celery_live" not in of_uat.stdout
    assert "marker was tripped" not in of_uat.stdout, "words of Ansible's own"
    assert ("Give this run its vault password" in of_uat.stdout) is ("vault" in uat)


@pytest.mark.parametrize("machine", ["m1", "m2"])
def test_what_the_inventory_asks_for_under_another_name_of_the_machine(tmp_path: Path, machine: str) -> None:
    """verify.yml tells to remove what nobody asks for: not live from web-uat where that is web-live too."""
    variables = Path(__file__).parents[4] / "roles/celery_verify/vars/main.yml"
    (tmp_path / "hosts.ini").write_text("[live]\nweb-live\n[uat]\nweb-uat\n[all:vars]\nansible_connection=local\n")
    strays = [{"environment": name, "problem": f"{name} strays"} for name in ("live", "uat")]
    for name, own in (("live", machine), ("uat", "m1")):
        plan = {"environments": [name], "names": ["live", "uat"], "services": []}
        result = {"problems": [], "orphans": strays, "machine": own, "nodes": [], "others": []}
        told = {"__celery_verify_plan": plan, "__celery_verify_result": result}
        (tmp_path / "host_vars").mkdir(exist_ok=True)
        (tmp_path / f"host_vars/web-{name}.yml").write_text(json.dumps(told))
    show = {"name": "Show", "debug": {"msg": "{{ inventory_hostname }}: {{ __celery_verify_problems | join(', ') }}"}}
    play = {"hosts": "all", "vars_files": [str(variables)], "tasks": [show]}
    output = run_play(tmp_path, play, "-i", "hosts.ini").stdout
    both = "live strays, uat strays"
    assert f'web-live: {"live strays" if machine == "m1" else both}"' in output
    assert f'web-uat: {"uat strays" if machine == "m1" else both}"' in output
