# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first table."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Create the table of the orders."""

    initial = True
    operations: ClassVar[list[migrations.CreateModel]] = [
        migrations.CreateModel(
            "Order", [("id", models.BigAutoField(primary_key=True)), ("customer", models.TextField())]
        ),
    ]
