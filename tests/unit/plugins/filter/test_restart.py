# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rolling restart is about: the migrations before it, and what it did not reach."""

from __future__ import annotations

from typing import Any

from ansible_collections.stalk.celery.plugins.filter.old_code import old_code
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._migrations import migrations_of
from ansible_collections.stalk.celery.tests.unit.deciding import environments, services

MINIMAL = {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}


def migrations(**changes: Any) -> dict[str, dict[str, str]]:
    found = environments({"live": {**MINIMAL, **changes}})
    return migrations_of(found, services(found, "app1"))


def test_migrations_run_beside_the_first_service() -> None:
    found = migrations(migrate="python manage.py migrate", workers=[{"name": "w1"}, {"name": "w2"}])
    assert found == {"live": {"command": "python manage.py migrate", "unit": "celery-live-w1.service"}}


def test_no_migrations_where_none_are_wanted_or_nothing_runs() -> None:
    assert migrations() == {}
    found = environments({"live": {**MINIMAL, "migrate": "true"}})
    assert migrations_of(found, []) == {}


def test_what_still_runs_the_old_code() -> None:
    """The host at which it stopped, those that come later, what was not handed over, and none that was not asked."""
    running = {"ran": ["w1", "w2", "w3"]}
    hostvars: dict[str, dict[str, Any]] = {
        "app1": {**running, "restarted": {"restarted": ["w1", "w2", "w3"]}},
        "app2": {**running, "restarted": {"restarted": ["w1"], "failed_units": ["w2"]}},
        "app3": running,
        "app4": {**running, "restarted": {"restarted": ["w1"], "failed_units": ["w2"], "remaining": ["w2", "w3"]}},
        "db1": {},
    }
    found = old_code(list(hostvars), hostvars, "ran", "restarted")
    assert found == ["app2: w3", "app3: w1, w2, w3", "app4: w2, w3"]
