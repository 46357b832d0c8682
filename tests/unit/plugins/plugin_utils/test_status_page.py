# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status import Status, status_of
from ansible_collections.stalk.celery.plugins.plugin_utils._status._status_page import (
    figures_of,
    memory_chart,
    page_of,
    queues_chart,
    states_chart,
)
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.fleet import (
    NOW,
    fleet,
    generation,
    report,
    service,
    worker,
)

EVIL = "<script>alert('x')</script>&\""
TEXTS = ("text", "soft", "good", "warn", "bad")
BACKGROUNDS = ("page", "card", "code")
WITHOUT_END = ("meta", "link")


class Page(HTMLParser):
    """A page, its words in the order in which they are read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def status() -> Status:
    """Return a fleet with something of everything."""
    return status_of(fleet(), NOW)


@pytest.fixture(scope="module")
def page(status: Status) -> str:
    """Return its page."""
    return page_of(status)


def test_all_that_the_table_has_is_on_the_page(page: str) -> None:
    text = Page(page).text
    assert text.startswith("Celery: 8 problems Celery: 8 problems 2 environments on 4 hosts (1 unreachable), 12")
    assert "video app1 running 3d ago 4712 1.3 GiB video 230 thumbs 0 8 of 8 20261121-0930 current" in text
    assert "beat app1 running 5h ago 4713 61 MiB 20261121-0930 current 4s ago" in text
    assert "All services app3 unreachable" in text
    assert "live : w1 on app2: runs older code ansible-playbook stalk.celery.restart -l 'app2:&live'" in text
    assert "live 20261121T093000Z on app1, app2, release 20261120-1702" in text


def test_a_fleet_where_all_is_well() -> None:
    text = Page(page_of(status_of([report("app1", service("live", "w1", restarts=2))], NOW))).text
    assert "Celery: all is well" in text
    assert "running 2 restarts" in text


def test_what_drains_since_when_and_with_how_many_tasks() -> None:
    status = "connected to x; 0 running; process 333 drains since 2026-11-21T09:55:00Z; 2 running, 0 reserved"
    text = Page(page_of(status_of([report("app1", service("live", "w1", status=status))], NOW))).text
    assert "0 of 8 draining: 2 since 5m ago" in text


def test_a_fleet_without_services() -> None:
    assert "There are no services. Queues" in Page(page_of(status_of([], NOW))).text


def test_nothing_is_loaded_and_nothing_runs(page: str) -> None:
    assert re.findall(r"(?:src|href|action)=\"(?!data:)", page) == []
    assert not re.search(r"<script|<iframe|<img|@import|url\(|\son\w+=", page)
    assert "default-src 'none'" in page


def test_everything_is_escaped() -> None:
    odd = service(EVIL, EVIL, queues=[EVIL], release=EVIL, stale=["code"], since=NOW.isoformat())
    kept = {EVIL: [generation(EVIL, EVIL)]}
    hosts = [
        report(EVIL, odd, workers=[worker(odd)], queues={EVIL: {EVIL: 3}}, generations=kept, problems=[EVIL]),
        report("app2", groups=[EVIL], unreachable=EVIL),
    ]
    found = page_of(status_of(hosts, NOW))
    assert "<script" not in found
    assert Page(found).text.count("<script>alert('x')</script>") > 10


@pytest.mark.parametrize(("theme", "name"), list(product((0, 1), (*TEXTS,))))
def test_contrast_of_text_in_both_themes(page: str, theme: int, name: str) -> None:
    light = dict(re.findall(r"--([\w-]+): (#\w{6});", page.partition("prefers-color-scheme")[0]))
    dark = dict(re.findall(r"--([\w-]+): (#\w{6});", page.partition("prefers-color-scheme")[2]))
    colors = (light, dark)[theme]
    behind = [colors[background] for background in (*BACKGROUNDS, f"{name}-back") if background in colors]
    assert min(contrast(colors[name], color) for color in behind) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG defines it."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of a colour."""
    values = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_figures(status: Status) -> None:
    assert [(figure.value, figure.label, figure.note, figure.tone) for figure in figures_of(status)] == [
        ("6 of 10", "services at work", "2 stopped on purpose", "bad"),
        ("3 of 4", "hosts reached", "", "bad"),
        ("286", "tasks waiting", "in 5 queues, 3 unknown", "idle"),
        ("19", "tasks running", "in 5 workers", "idle"),
    ]


def test_services_by_state(status: Status) -> None:
    live, uat = states_chart(status).bars
    assert (live.label, live.text) == ("live", "6 running, 1 failed")
    assert [(round(part.percent), part.tone) for part in live.parts] == [(57, "good"), (29, "warn"), (14, "bad")]
    assert uat.text == "1 running, 1 stopped, 1 no broker, 1 no answer, 1 missing"


def test_queues(status: Status) -> None:
    bars = queues_chart(status).bars
    assert [(one.note, one.label, one.text) for one in bars[:3]] == [
        ("live", "video", "230 waiting, 8 running"),
        ("live", "reports", "41 waiting, 0 running"),
        ("live", "celery", "12 waiting, 10 running"),
    ]
    assert ("uat", "mail", "? waiting, ? running") in [(one.note, one.label, one.text) for one in bars]
    assert [round(part.percent, 1) for part in bars[0].parts] == [100, 3.5]


def test_memory(status: Status) -> None:
    chart = memory_chart(status)
    assert [(one.label, one.note, one.text) for one in chart.bars[:2]] == [
        ("video", "live on app1", "1.3 GiB"),
        ("slow", "uat on app2", "140 MiB"),
    ]
    assert [round(one.parts[0].percent) for one in chart.bars[:2]] == [100, 11]


def test_charts_show_the_largest() -> None:
    services = [service("live", f"w{number}", queues=[f"q{number}"], memory=number * 2**20) for number in range(1, 31)]
    lengths = {f"q{number}": number for number in range(1, 31)}
    status = status_of([report("app1", *services, queues={"live": lengths})], NOW)
    assert [one.label for one in queues_chart(status).bars][:2] == ["q30", "q29"]
    assert (memory_chart(status).bars[0].label, memory_chart(status).omitted) == ("w30", 18)
    assert "and 18 with less, in the table below" in Page(page_of(status)).text
