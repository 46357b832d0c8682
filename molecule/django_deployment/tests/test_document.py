# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the document wants, step by step; docs/examples/django_deployment.md refers to these tests."""

from __future__ import annotations

from tests.fleet import environ, on_host, python, service, services
from tests.releases import Releases
from tests.runs import changes, converged, refused
from tests.work import eventually

HOSTS = ["web1", "web2"]
MYAPP = Releases("/srv/myapp", "yourapp/tasks.py")
FIRST = "2026-04-24-120000"
SECOND = "2026-04-25-090000"
BROKEN = "2026-04-26-090000"
DROP_INS = "/etc/systemd/system/celery.service.d"
MIGRATION = """
import os
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("yourapp", "0001_initial")]
    operations = [migrations.AddField("Order", "paid", models.BooleanField(default=os.environ["PAID"] == "no"))]
"""
TASK = """
import json, os, sys
from celery import Celery

app = Celery(broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
sent = [app.send_task(f"yourapp.tasks.{sys.argv[1]}", queue=sys.argv[2]) for _ in range(int(sys.argv[3]))]
print(json.dumps([result.get(timeout=30) for result in sent]))
"""
UNITS = {
    "web1": ["celery-production-mails", "celery-production-reports", "celery", "celerybeat"],
    "web2": ["celery-production-mails", "celery"],
}


def processes() -> dict[tuple[str, str], int]:
    """Return the main process of each service."""
    return {(host, unit): service(host, unit).pid for host in HOSTS for unit in UNITS[host]}


def task(name: str, queue: str = "celery", count: int = 1) -> list[dict[str, str]]:
    """Send tasks of the project; return what they report."""
    reports: list[dict[str, str]] = python(service("web1", "celery"), TASK, name, queue, str(count))
    return reports


def releases() -> set[tuple[str, str]]:
    """Return node and release of those who answer to the known-safe test task, until both hosts have."""
    found: set[tuple[str, str]] = set()

    def all_have() -> bool:
        found.update((report["node"], report["release"]) for report in task("example_task", count=12))
        return {node.partition("@")[2] for node, _release in found} >= {*HOSTS}

    eventually("an answer of both hosts", all_have, 30)
    return found


def test_the_services_have_the_names_of_the_document_and_start_at_boot() -> None:
    """``systemctl status celery`` and ``celerybeat`` are what an administrator types; beat is on one of the hosts."""
    found = {host: [shown.unit.removesuffix(".service") for shown in services(host)] for host in HOSTS}
    assert found == UNITS
    assert {(shown.state, shown.enabled) for host in HOSTS for shown in services(host)} == {("active (running)", True)}


def test_a_service_has_the_context_of_the_document() -> None:
    """User, directory, variables and limit are those that it asks for; the environment file is closed."""
    worker = service("web1", "celery")
    assert worker.user == "django"
    assert environ(worker)["DJANGO_SETTINGS_MODULE"] == "yourproject.settings.production"
    assert on_host("web1", "readlink", f"/proc/{worker.pid}/cwd").strip() == f"{MYAPP.root}/releases/{FIRST}"
    assert "16384" in on_host("web1", "grep", "Max open files", f"/proc/{worker.pid}/limits")
    assert on_host("web1", "stat", "--format=%U:%G %a", "/etc/myapp/myapp.env") == "root:django 640\n"


def test_tasks_run_on_both_hosts_and_in_their_own_queues() -> None:
    """The worker of a queue is a service of its own, which can be watched and restarted on its own."""
    assert releases() == {("default@web1", FIRST), ("default@web2", FIRST)}
    (report,) = task("send_mail", "mails")
    assert (report["node"].partition("@")[0], report["queue"], report["user"]) == ("mails", "mails", "django")
    assert task("report", "reports") == [0]


def test_a_deploy_migrates_once_and_restarts_warm() -> None:
    """The new code needs the new column: it is there before the first worker runs the code.

    The migration sees what an administrator has set in a drop-in of the worker.
    """
    on_host("web1", "install", "--directory", DROP_INS)
    on_host("web1", "tee", f"{DROP_INS}/paid.conf", stdin="[Service]\nEnvironment=PAID=no\n")
    MYAPP.deploy(HOSTS, SECOND)
    for host in HOSTS:
        project = f"{MYAPP.root}/releases/{SECOND}/yourapp"
        on_host(host, "tee", f"{project}/migrations/0002_paid.py", stdin=MIGRATION)
        on_host(host, "sh", "-c", f"echo '    paid = models.BooleanField(default=False)' >> {project}/models.py")
    before = processes()
    converged("-l", "production", playbook="playbooks/restart.yml")
    assert not before.items() & processes().items()
    assert releases() == {("default@web1", SECOND), ("default@web2", SECOND)}
    assert task("report", "reports") == [0]


def test_a_broken_release_restarts_nothing_and_is_rolled_back() -> None:
    """What ran goes on; the link leads to the release before, and a known-safe task runs."""
    MYAPP.deploy(HOSTS, BROKEN, "import no_such_module\n")
    before = processes()
    assert "no_such_module" in refused("-l", "production", playbook="playbooks/restart.yml")
    assert processes() == before
    converged("-l", "production", playbook="playbooks/rollback.yml")
    assert {MYAPP.current(host) for host in HOSTS} == {SECOND}
    assert releases() == {("default@web1", SECOND), ("default@web2", SECOND)}


def test_a_release_that_runs_can_be_rolled_back() -> None:
    """A release may start and still be wrong."""
    third = "2026-04-27-090000"
    MYAPP.deploy(HOSTS, third)
    converged("-l", "production", playbook="playbooks/restart.yml")
    assert releases() == {("default@web1", third), ("default@web2", third)}
    converged("-l", "production", playbook="playbooks/rollback.yml")
    assert releases() == {("default@web1", SECOND), ("default@web2", SECOND)}


def test_after_all_this_a_run_changes_nothing() -> None:
    """Deploys and rollbacks left what the inventory asks for."""
    assert set(changes(converged()).values()) == {0}
