# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is in the environment file of its service, and nowhere else: not in what Ansible prints, not on the host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import environ, on_host, services
from tests.inventory import Inventory
from tests.runs import converged, refused

HOSTS = ("app1", "app2")
PASSWORDS = "only-for-the-tests"
CHANGED = "changed-for-the-tests"
PLACES = ("/etc/systemd", "/etc/sysusers.d", "/etc/logrotate.d", "/run", "/usr/local", "/var", "/root", "/tmp")
KEPT = Path("/var/lib/stalk.celery/generations")
LOUD = ("--diff", "-vvvvvv")
SEARCH = """
import contextlib, json, pathlib, sys

found = []
for place in sys.argv[1:]:
    for path in pathlib.Path(place).rglob("*") if place != "/proc" else pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.is_file() and secret.encode() in path.read_bytes():
                found.append(str(path))
print(json.dumps(sorted(found)))
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory in which uat has a new secret."""
    changed = Inventory(tmp_path / "inventory")
    uat = changed.environment("uat")
    uat["environment"]["DJANGO_SECRET_KEY"] = CHANGED
    changed.write("uat", uat)
    return changed


@pytest.fixture(scope="module", autouse=True)
def _everything_is_put_back() -> Iterator[None]:
    """Run the scenario's inventory again."""
    yield
    converged()


def change(inventory: Inventory, **changes: Any) -> None:
    """Change the environment uat."""
    inventory.write("uat", {**inventory.environment("uat"), **changes})


def assert_silent(output: str) -> None:
    """Fail if Ansible or a host says a secret."""
    assert PASSWORDS not in output
    assert CHANGED not in output


def test_a_run_in_check_mode_shows_no_secret(inventory: Inventory) -> None:
    """Neither that of an environment that is new on its host, nor one that changes, nor one of a loop."""
    change(inventory, packages=["celery"], virtualenv="/home/uat/made")
    with (inventory.directory / "hosts.ini").open("a") as hosts:
        hosts.write("[fresh]\napp1\n")
    fresh = inventory.environment("uat")
    (inventory.directory / "group_vars/all.yml").write_text("celery_environments: [live, uat, fresh]\n")
    (inventory.directory / "group_vars/fresh.yml").write_text("celery_fresh: {}\n")
    own = {"user": "fresh", "virtualenv": "/home/fresh/made", "environment": {"DJANGO_SECRET_KEY": CHANGED}}
    inventory.write("fresh", {**fresh, **own})
    output = converged("--check", *LOUD, inventory=inventory)
    assert "/etc/conf.d/celery-fresh-w1.conf" in output
    assert "DJANGO_SECRET_KEY=(hidden)" in output
    assert_silent(output)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"environment": {"DJANGO_SETTINGS_MODULE": f"redis//uat:{PASSWORDS}@broker1"}}, "No module named '****"),
        ({"packages": ["celery"]}, "No module named pip"),
    ],
    ids=["preflight", "packages"],
)
def test_a_run_that_fails_shows_no_secret(inventory: Inventory, changes: dict[str, Any], reason: str) -> None:
    """Whatever it fails at."""
    uat = inventory.environment("uat")
    variables = {**uat["environment"], **changes.get("environment", {})}
    change(inventory, **{**changes, "environment": variables})
    output = refused(*LOUD, inventory=inventory)
    assert reason in output
    assert_silent(output)


def test_a_secret_that_changes_is_only_in_the_files_of_its_services(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It reaches the services, and nothing else that lasts, also where Ansible writes arguments of modules to files."""
    monkeypatch.setenv("ANSIBLE_PIPELINING", "0")
    monkeypatch.setenv("ANSIBLE_LOCAL_TEMP", str(tmp_path / "here"))
    output = converged(*LOUD, inventory=inventory)
    assert "DJANGO_SECRET_KEY=(hidden)" in output
    assert_silent(output)
    assert [path for path in (tmp_path / "here").rglob("*") if path.is_file()] == []
    for host in HOSTS:
        of_uat = [found for found in services(host) if found.environment == "uat"]
        assert {environ(found)["DJANGO_SECRET_KEY"] for found in of_uat} == {CHANGED}
        files = [f"/etc/conf.d/{found.unit.removesuffix('.service')}.conf" for found in of_uat]
        assert files_with(host, CHANGED, "/etc", "/proc", *PLACES) == files
        # What a rollback would put back has what was there before.
        assert [path for path in files_with(host, PASSWORDS, "/proc", *PLACES) if Path(path).parents[1] != KEPT] == []
        assert on_host(host, "find", str(KEPT.parent), "-maxdepth", "0", "-user", "root", "-perm", "0700")
        for command in ("systemctl show *", "systemctl cat celery-*", "journalctl --output=export"):
            said = on_host(host, *command.split())
            assert "celery-uat-w1" in said
            assert_silent(said)


def files_with(host: str, secret: str, *places: str) -> list[str]:
    """Return the files of a host, and of its processes the command lines, that have a secret."""
    found: list[str] = json.loads(on_host(host, "python3", "-", *places, stdin=f"secret = {secret!r}\n{SEARCH}"))
    return found
