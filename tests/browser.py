# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser: on the network of a test host, or for a page in a file."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.debian import install_missing_packages
from tests.hosts.enter import first_process

BROWSER = "chromium-headless-shell"
SECONDS = 10  # that a page has for its scripts, at most
THEMES = {"dark": 0, "light": 1}
MEASURE = """<script>
const numbers = color => color.match(/[0-9.]+/g).map(Number);
const opaque = color => color.length == 3 || color[3] == 1;
const part = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue) + 0.05;
const own = element => numbers(getComputedStyle(element).backgroundColor);
const behind = element => opaque(own(element)) ? own(element) : behind(element.parentElement);
const contrast = element => {
  const [one, other] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
  return Math.max(one, other) / Math.min(one, other);
};
const texts = [...document.body.querySelectorAll("*")].filter(
  element => [...element.childNodes].some(node => node.nodeType == 3 && node.data.trim()));
const root = document.documentElement;
root.dataset.measured = JSON.stringify({
  title: document.title,
  width: root.scrollWidth,
  window: root.clientWidth,
  contrast: Math.min(...texts.map(contrast)),
  background: getComputedStyle(document.body).backgroundColor,
});
</script>"""


@dataclass(frozen=True)
class Measured:
    """A page as a window shows it: its width and that of the window in pixels, the least contrast of a text."""

    title: str
    width: int
    window: int
    contrast: float
    background: str


def shown(host: str, url: str, directory: Path) -> str:
    """Return what a page has become when its scripts have run, as HTML.

    :param directory: an empty directory for what the browser writes.
    """
    return _dom(directory, url, before=["nsenter", "--net", f"--target={first_process(host)}"])


def measured(page: Path, width: int, theme: str, directory: Path) -> Measured:
    """Return how a page without scripts looks in a window.

    :param width: of the window, in pixels.
    :param theme: ``dark`` or ``light``, what the user prefers.
    :param directory: an empty directory for what the browser writes, and for a copy of the page that measures itself.
    """
    copy = directory / "measured.html"
    text = re.sub("<meta http-equiv=.Content-Security-Policy.*?>", "", page.read_text(encoding="utf-8"))
    copy.write_text(text + MEASURE, encoding="utf-8")
    options = [f"--window-size={width},800", f"--blink-settings=preferredColorScheme={THEMES[theme]}"]
    dom = _dom(directory, copy.as_uri(), *options)
    found = re.search('data-measured="(.*?)"', dom)
    assert found, dom
    return Measured(**json.loads(html.unescape(found[1])))


def _dom(directory: Path, url: str, *options: str, before: Sequence[str] = ()) -> str:
    """Return a page as HTML, when its scripts have run."""
    install_missing_packages([BROWSER])
    usual = ["--no-sandbox", f"--user-data-dir={directory}", f"--virtual-time-budget={SECONDS * 1000}", "--dump-dom"]
    browse = [*before, BROWSER, *usual, *options, url]
    return subprocess.run(browse, capture_output=True, text=True, check=True, timeout=60).stdout
