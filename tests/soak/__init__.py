# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of tasks over a hundred faults, drawn from a seed: which are lost, and which run twice?

``make soak`` runs it; a short one is the scenario soak, whose inventory both use.

=============  ======================================================================
draw.py        what happens when, and what there is to do meanwhile, from a seed
faults.py      how each class of faults is made
field.py       the hosts: sending tasks, and reading what became of them
ledger.py      what was lost, what ran twice, and the longest gap, by class of fault
run.py         one round after the other
__main__.py    all of it, and the table in docs/reliability.md
=============  ======================================================================
"""

from __future__ import annotations
