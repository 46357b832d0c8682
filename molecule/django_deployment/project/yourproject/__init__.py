# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project; Celery finds its application here, as ``celery -A yourproject`` wants it."""

from __future__ import annotations

from yourproject.celery import app as celery_app

__all__ = ["celery_app"]
