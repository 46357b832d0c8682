# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What status.yml shows of the fleet, in the terminal and in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Measured, measured
from tests.fleet import services
from tests.inventory import Inventory
from tests.runs import changes, converged

HOSTS = ["app1", "app2", "app3"]
STATUS = "stalk.celery.status"
SECRET = "only-for-the-tests"
PHONE, DESKTOP = 390, 1440


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the page is to be."""
    return tmp_path_factory.mktemp("page") / "fleet.html"


def test_every_service_is_shown_and_nothing_changes(inventory: Inventory, page: Path) -> None:
    """The process that systemd knows is in the table and on the page, and no password."""
    variables = {"celery_status_page": str(page)}
    table = converged(playbook=STATUS, inventory=inventory, variables=variables)
    pids = {str(found.pid) for host in HOSTS for found in services(host) if found.pid}
    assert pids
    for shown in (table, page.read_text(encoding="utf-8")):
        assert {pid for pid in pids if pid not in shown} == set()
        assert SECRET not in shown
    assert set(changes(table).values()) == {0}


def test_a_host_that_cannot_be_reached_holds_up_nothing(inventory: Inventory, tmp_path: Path) -> None:
    """It is a row like any other."""
    lost = Inventory(tmp_path, inventory.directory)
    lost.lose("app1")
    table = converged(playbook=STATUS, inventory=lost)
    assert "UNREACHABLE" in table
    assert "  app1: cannot be reached: " in table


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_is_readable_in_both_themes(page: Path, width: int, tmp_path: Path) -> None:
    """Nothing has to be scrolled sideways, and every text stands out from what is behind it."""
    looks: list[Measured] = []
    for theme in ("light", "dark"):
        (tmp_path / theme).mkdir()
        looks.append(measured(page, width, theme, tmp_path / theme))
    assert [look.width for look in looks] == [look.window for look in looks]
    assert min(look.contrast for look in looks) >= 4.5
    assert looks[0].background != looks[1].background
    assert looks[0].title.startswith("Celery: ")
