# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the fleet share: an inventory that changes from test to test."""

from __future__ import annotations

import pytest

from tests.inventory import Inventory


@pytest.fixture(scope="session")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Return the inventory that the tests change."""
    return Inventory(tmp_path_factory.mktemp("inventory"))
