# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sphinx is told."""

from __future__ import annotations

project = "stalk.celery"
project_copyright = "The stalk.celery authors, GPL-3.0-or-later"
extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", "ansible.inv")}
html_theme = "furo"
html_title = "stalk.celery"
html_copy_source = False
myst_heading_anchors = 3
