# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the environment debug."""

from __future__ import annotations

from meta_edc.settings.base import settings

globals().update(settings())
ENVIRONMENT = "debug"
DEBUG = True
