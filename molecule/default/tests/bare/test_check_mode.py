# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--check --diff`` on hosts that have nothing yet."""

from __future__ import annotations

import pytest

from tests.fleet import files, on_host
from tests.runs import converged

UNITS = {
    "app1": ["live-w1", "live-w2", "live-beat", "live-flower", "uat-w1", "uat-beat", "debug-w1"],
    "app2": ["live-w1", "live-reports", "live-mails"],
}
PREDICTED = [
    path
    for names in UNITS.values()
    for name in names
    for path in (f"/etc/systemd/system/celery-{name}.service", f"/etc/conf.d/celery-{name}.conf")
]


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """Return the state of the hosts before the run."""
    return {host: files(host) for host in UNITS}


@pytest.fixture(scope="module")
def output(before: dict[str, str]) -> str:
    """Run the playbook in check mode, after the state was recorded."""
    assert before
    return converged("--check", "--diff")


@pytest.mark.parametrize("path", sorted(set(PREDICTED)))
def test_every_file_is_predicted(output: str, path: str) -> None:
    """The diff names each file."""
    assert path in output


@pytest.mark.parametrize("unit", sorted({unit for units in UNITS.values() for unit in units}))
def test_every_service_is_predicted(output: str, unit: str) -> None:
    """The run says of each unit that it would be started."""
    assert f"celery-{unit}.service" in output


def test_no_secret_is_shown(output: str) -> None:
    """The diff of an environment file has names and no values."""
    assert "only-for-the-tests" not in output


@pytest.mark.parametrize("host", UNITS)
def test_nothing_changed(output: str, before: dict[str, str], host: str) -> None:
    """Neither a file nor a user nor a unit came into being."""
    assert output
    assert files(host) == before[host]
    assert "celery" not in on_host(host, "systemctl", "list-unit-files", "--no-legend")
