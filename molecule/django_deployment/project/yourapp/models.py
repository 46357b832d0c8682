# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database holds."""

from __future__ import annotations

from django.db import models


class Order(models.Model):
    """An order of a customer."""

    customer = models.TextField()
