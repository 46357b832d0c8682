# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on which nobody has set up Celery."""

from __future__ import annotations

from tests.runs import converged

ADOPT = "playbooks/adopt.yml"


def test_a_host_without_celery_is_said_to_have_none() -> None:
    """And the run succeeds."""
    output = converged(playbook=ADOPT)
    assert "app1: no Celery was found that is not of this collection" in output
    assert "No Celery was found that could be adopted." in output
