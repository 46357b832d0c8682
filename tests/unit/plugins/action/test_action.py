# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins, as ansible-playbook runs them on this machine."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.tests.unit.playbook import run_play

pytestmark = pytest.mark.programs

MARK = "# Managed by stalk.celery: live/worker/w1.\n"
ROLE = "stalk.celery.celery_service"
SECRETS = ("hunter2", "c2VjcmV0", "SGVsbG8", "inline-secret", "foreign-secret")
TEMPLATES = {
    "environment.j2": MARK + '{% for name, value in own.items() %}\n{{ name }}="{{ value }}"\n{% endfor %}\n',
    "below/part.j2": "part {{ own }}\n",
    "beside/whole.j2": MARK + "{{ own }} {{ shared }}\n{% include 'below/part.j2' %} ä\n",
    "expression.j2": "{{ own }}",
    "broken.j2": "{{ nobody_set_this }}",
}
WRITE_DOWN_EVERY_CALL_OF_SYSLOG = """
import os, syslog
def write(*arguments):
    with open(os.environ["LOGGED"], "a", encoding="utf-8") as log:
        print(*arguments, file=log)
syslog.syslog = write
"""


class Done:
    """A playbook that was run with the templates; ``tasks`` is what Ansible printed of each task, by name."""

    def __init__(self, directory: Path, tasks: dict[str, dict[str, Any]], *options: str, **variables: Any) -> None:
        self.directory = directory
        (directory / "sitecustomize.py").write_text(WRITE_DOWN_EVERY_CALL_OF_SYSLOG)
        for name, text in TEMPLATES.items():
            path = directory / "templates" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        play = {
            "hosts": "localhost",
            "connection": "local",
            "vars": {"ansible_python_interpreter": sys.executable, **variables},
            # A task that fails is looked at like the others.
            "tasks": [{"name": name, "ignore_errors": True, **task} for name, task in tasks.items()],
        }
        logging = {"LOGGED": str(directory / "logged"), "PYTHONPATH": str(directory)}
        ran = run_play(directory, play, "-i", "localhost,", *options, ANSIBLE_PIPELINING="1", **logging)
        self.output = ran.stdout
        assert ran.returncode == 0, self.output
        blocks = (block.partition("]") for block in re.split(r"^TASK \[", ran.stdout, flags=re.MULTILINE)[1:])
        self.tasks = {name: text for name, _bracket, text in blocks}

    def text(self, name: str) -> str:
        return (self.directory / name).read_text(encoding="utf-8")


def write(directory: Path, name: str, **options: Any) -> dict[str, Any]:
    """Return a task that writes one file."""
    accounts = {"owner": pwd.getpwuid(os.geteuid()).pw_name, "group": grp.getgrgid(os.getegid()).gr_name}
    return {"stalk.celery.files": {"files": [{"path": str(directory / name), **accounts, **options}]}}


@pytest.fixture(scope="module")
def at_all_verbosity(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Secrets from a template and from the play, some of which the module refuses to write."""
    here = tmp_path_factory.mktemp("secrets")
    (here / "foreign").write_text("by hand: foreign-secret\n")
    settings = {"PASSWORD": "hunter2", "CERT": "-----\nc2VjcmV0\nSGVsbG8=\n-----", "BROKER": "redis://:hunter2@h/1"}
    tasks = {
        "template": write(here, "a", template="environment.j2", variables={"own": "{{ settings }}"}, secret=True),
        "text": write(here, "b", content="{{ text }}", secret=True),
        "public": write(here, "c", content=f"{MARK}public\n"),
        "refused": write(here, "foreign", content="{{ text }}", secret=True),
        "group": {"group_by": {"key": "live"}},
        "plan": {"import_role": {"name": ROLE, "tasks_from": "plan"}},
        "look": {"import_role": {"name": ROLE, "tasks_from": "look"}},
    }
    live = {"app": "edc:app", "directory": "/srv", "virtualenv": "/srv", "environment": {"A": "hunter2"}}
    (here / "group_vars").mkdir()
    (here / "group_vars/live.yml").write_text(json.dumps({"celery_environments": ["live"], "celery_live": live}))
    return Done(here, tasks, "-vvvvv", "--diff", settings=settings, text=f"{MARK}inline-secret\n")


def test_secrets_arrive(at_all_verbosity: Done) -> None:
    assert 'PASSWORD="hunter2"\nCERT="-----\nc2VjcmV0\nSGVsbG8=\n-----"\n' in at_all_verbosity.text("a")
    assert at_all_verbosity.text("b") == f"{MARK}inline-secret\n"


def test_secrets_are_shown_nowhere(at_all_verbosity: Done) -> None:
    assert "+PASSWORD=(hidden)" in at_all_verbosity.tasks["template"]
    assert "+(hidden), changed" in at_all_verbosity.tasks["text"]
    assert "was not written by stalk.celery" in at_all_verbosity.tasks["refused"]
    assert [secret for secret in SECRETS if secret in at_all_verbosity.output] == []


def test_secrets_are_logged_nowhere(at_all_verbosity: Done) -> None:
    logged = at_all_verbosity.text("logged")
    assert logged.count("Invoked with") == 6
    assert [secret for secret in (*SECRETS, "Managed by") if secret in logged] == []


def test_public_texts_are_in_the_diff(at_all_verbosity: Done) -> None:
    assert "+public" in at_all_verbosity.tasks["public"]


def test_a_look_answers_also_where_nothing_can_run(at_all_verbosity: Done) -> None:
    """The machine of the tests need not have systemd."""
    assert '"problems": [' in at_all_verbosity.tasks[f"{ROLE} : Look at what differs on the host, and try it"]


def test_the_plan_is_shown(at_all_verbosity: Done) -> None:
    plan = at_all_verbosity.tasks[f"{ROLE} : Check the inventory and plan what this host runs"]
    assert '"unit": "celery-live-w1.service"' in plan


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Templates and options, good ones and bad ones."""
    here = tmp_path_factory.mktemp("templates")
    tasks = {
        "whole": write(
            here, "whole", template="beside/whole.j2", variables={"own": "{{ shared }}-1", "shared": "mine"}
        ),
        "expression": write(here, "expression", template="expression.j2", variables={"own": f"{MARK}[1, 2]\n"}),
        "absent": write(here, "bad", template="absent.j2"),
        "broken": write(here, "bad", template="broken.j2"),
        "neither": write(here, "bad"),
        "both": write(here, "bad", template="beside/whole.j2", content=MARK),
        "unknown": write(here, "bad", content=MARK, templates="whole.j2"),
    }
    return Done(here, tasks, shared="ours")


def test_a_template_has_its_variables_and_those_of_the_task(templates: Done) -> None:
    assert templates.text("whole") == f"{MARK}ours-1 mine\npart ours-1 ä\n"


def test_a_template_that_is_one_expression_stays_text(templates: Done) -> None:
    assert templates.text("expression") == f"{MARK}[1, 2]\n"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("absent", "Could not find or access"),
        ("broken", "'nobody_set_this' is undefined"),
        ("neither", "neither 'template' nor 'content' is set"),
        ("both", "mutually exclusive"),
        ("unknown", "Supported parameters include: content, group"),
    ],
)
def test_bad_options(templates: Done, task: str, message: str) -> None:
    assert message in templates.tasks[task]
    assert not (templates.directory / "bad").exists()
