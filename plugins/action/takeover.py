# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.stalk.celery.plugins.plugin_utils._relay import Relay


class ActionModule(Relay):
    """Hands on what the module returns as it may be shown."""
