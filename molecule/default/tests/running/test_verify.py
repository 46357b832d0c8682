# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify.yml says of services that work and of one that hangs, and what the modules behind it say."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fleet import on_host, service
from tests.runs import converged, refused
from tests.work import eventually

VERIFY = "playbooks/verify.yml"
PLAY = """
- hosts: app1
  gather_facts: false
  become: true
  tasks:
    - stalk.celery.task: {environment: live, name: meta_edc.tasks.whoami, timeout: 30}
      register: sent
    - stalk.celery.worker_info: {environments: [live]}
      register: asked
    - ansible.builtin.debug: {msg: "{{ {'task': sent.result, 'workers': asked.workers} | to_json }}"}
"""


def test_services_that_work() -> None:
    """Nothing is wrong, beat tells its last tick, and nothing is changed."""
    said = converged("-l", "live", playbook=VERIFY)
    assert "No problem with celery-live-w1.service" in said
    assert "live/beat: scheduling; " in said
    assert "sent, the last at " in said
    assert "changed=0" in said


def test_a_worker_that_hangs_is_named() -> None:
    """Its host, its service and its journal are in the message, and no other service."""
    unit = service("app1", "celery-live-w2").unit
    on_host("app1", "systemctl", "kill", "--signal=STOP", "--kill-who=main", unit)
    try:
        said = refused("-l", "app1", playbook=VERIFY)
    finally:
        on_host("app1", "systemctl", "kill", "--signal=CONT", "--kill-who=main", unit)
    assert "fatal: [app1]" in said
    assert "live/w2: its process is stopped by a signal (SIGSTOP)" in said
    assert f"The last lines of the journal of {unit}" in said
    assert "live/w1: " not in said


def test_a_worker_beside_ours_is_named() -> None:
    """Somebody has started one by hand, with the node name of a worker of ours."""
    unit = "celery-by-hand.service"
    command = "exec ${CELERY_BIN} --app=${CELERY_APP} worker --hostname=w1@%h --pool=solo --loglevel=INFO"
    variables = "EnvironmentFile=/etc/conf.d/celery-live-w1.conf"
    context = ("--uid=live", "--gid=live", "--working-directory=/home/live/edc", f"--property={variables}")
    on_host("app1", "systemd-run", f"--unit={unit}", *context, "/bin/sh", "-c", command)
    try:
        eventually("the worker is ready", lambda: " ready." in on_host("app1", "journalctl", f"--unit={unit}"), 60)
        said = refused("-l", "app1", playbook=VERIFY)
        shown = converged("-l", "app1", playbook="playbooks/status.yml")
    finally:
        on_host("app1", "systemctl", "stop", unit)
    for text in (said, shown):
        assert "live/w1: 2 processes answer to the node name w1@app1" in text
        assert f"live: a Celery worker that is not of this collection runs its application here: {unit}, pid " in text
        assert f"systemctl disable --now {unit}" in text


def test_a_task_and_the_workers_in_a_playbook(tmp_path: Path) -> None:
    """The module task returns what a worker said, and inspect finds that worker."""
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    said = converged(playbook=str(play))
    shown = json.loads(json.loads(said.split('"msg": ')[1].split("\n")[0]))
    assert shown["task"]["user"] == "live"
    assert {"w1@app1", "w2@app1"} <= {worker["node"] for worker in shown["workers"] if worker["answers"]}
