# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same load over published set-ups and this collection, one after the other on one host.

``make bench-reliability`` runs it.

=============  ======================================================================
setups.py      what is compared
files          the set-ups that others published, as files of a host
inventory      this collection, as anybody would use it
load.py        tasks, and what they leave behind on the host
trials.py      what is done to a set-up, and what is counted
__main__.py    all of it, and the table in docs/reliability.md
=============  ======================================================================
"""

from __future__ import annotations
