# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser on the network of a test host."""
from __future__ import annotations

import subprocess
from pathlib import Path

from tests.hosts.debian import install_missing_packages

BROWSER = "chromium-headless-shell"
SECONDS = 10  # that a page has for its scripts, at most


def shown(host: str, url: str, directory: Path) -> str:
    """Return what a page has become when its scripts have run, as HTML.

    :param directory: an empty directory for what the browser writes.
    """
    install_missing_packages([BROWSER])
    inspect = ["podman", "inspect", "--format={{.State.Pid}}", host]
    pid = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
    options = ["--no-sandbox", f"--user-data-dir={directory}", f"--virtual-time-budget={SECONDS * 1000}", "--dump-dom"]
    browse = ["nsenter", f"--net=/proc/{pid}/ns/net", BROWSER, *options, url]
    return subprocess.run(browse, capture_output=True, text=True, check=True, timeout=60).stdout
