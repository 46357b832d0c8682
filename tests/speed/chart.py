# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bar chart as SVG, in the colors of the page that shows it."""

from __future__ import annotations

from collections.abc import Mapping

_WIDTH, _ROW, _LABEL, _VALUE = 720, 26, 270, 90  # pixels


def chart(title: str, bars: Mapping[str, float], unit: str) -> str:
    """Return a chart of these bars, in their order."""
    longest = max(bars.values())
    height = _ROW * (len(bars) + 1) + 10
    rows = [
        f'<text x="{_LABEL - 8}" y="{y + 18}" text-anchor="end">{label}</text>'
        f'<rect x="{_LABEL}" y="{y + 5}" width="{width:.1f}" height="16"/>'
        f'<text x="{_LABEL + width + 6:.1f}" y="{y + 18}">{value:.1f} {unit}</text>'
        for row, (label, value) in enumerate(bars.items(), start=1)
        for y, width in [(_ROW * row, value / longest * (_WIDTH - _LABEL - _VALUE))]
    ]
    style = "text { font: 13px sans-serif; fill: #555 } rect { fill: #3a8f5c } .title { font-weight: bold }"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">',
            f"<style>{style}</style>",
            f'<text class="title" x="0" y="18">{title}</text>',
            *rows,
            "</svg>",
            "",
        ]
    )
