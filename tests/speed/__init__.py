# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long playbooks take: the collection beside a ping and beside the idiom of builtin modules, in one run.

``make bench`` runs it.

=============  ================================================================================
fleet.py       the inventories: one service, and 21 of three environments, on a host each
builtin.yml    the same 21 services with builtin modules, a task for each file and each unit
chart.py       a bar chart, as SVG
__main__.py    the rounds, their medians, and docs/performance.md
=============  ================================================================================
"""

from __future__ import annotations
