# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Ansible's own documentation has what the reference links to, so that the manual is built without a network."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

BUILTIN = ("quote_filter", "systemd_service_module", "to_json_filter")
LABELS: Mapping[str, str] = {
    "action_plugins": "plugins/action.html#action-plugins",
    "ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
    **{f"ansible_collections.ansible.builtin.{name}": f"collections/ansible/builtin/{name}.html" for name in BUILTIN},
}


def objects() -> bytes:
    """Return an inventory of Sphinx, version 2, with these labels."""
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: latest\n"
    lines = [f"{label} std:label -1 {place} {label.rpartition('.')[2]}\n" for label, place in sorted(LABELS.items())]
    compressed = "# The remainder of this file is compressed using zlib.\n"
    return f"{head}{compressed}".encode() + zlib.compress("".join(lines).encode())
