# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``celery multi`` starts, as Celery itself says."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan import _multi
from celery.apps.multi import MultiParser, NamespacedOptionParser

COMMANDS = [
    "w1 w2 --time-limit=300 -c 8",
    "3 -c 4 -Q:1-2 video --autoscale:3=10,3",
    "celery -E -l INFO",
    "w1 w2 w3 -c:w1 3 -c:2 5 -Q:w3 a,b",
    "w1 w2 w3 -c:w1,w3 3",
    "w1@app1 w2@%h -c:w1@app1 3",
    "w1 w2 -n app9 --loglevel=DEBUG",
    "w1 --suffix=x.example.com --prefix=p-",
    "2 --range-prefix=job -c 1",
    'w1 --suffix="" -P gevent',
    "w1 w2 --verbose --concurrency:w2=5 --logfile=/var/log/%n%I.log",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_workers_are_those_of_celery(command: str) -> None:
    parsed = NamespacedOptionParser(command.split())
    parsed.parse()
    theirs = {
        node.name.replace(f"@{socket.gethostname()}", "@%h"): {
            name: value or "" for name, value in node.options.items() if name not in ("-n", "--pidfile", "--executable")
        }
        for node in MultiParser().parse(parsed)
    }
    assert {words[1].removesuffix("@"): _pairs(words[2:]) for words in _multi.nodes(command.split())} == {
        name.removesuffix("@"): options for name, options in theirs.items()
    }


def _pairs(words: list[str]) -> dict[str, str]:
    """Return options and values, which are one word where an option is long."""
    result: dict[str, str] = {}
    for word in words:
        if word.startswith("-"):
            name, _equals, value = word.partition("=")
            result[name] = value
        else:
            result[list(result)[-1]] = word
    return result


@pytest.mark.parametrize("command", ["100000 -c 1", "w1 -c:7 3"])
def test_what_cannot_be_started_is_said(command: str) -> None:
    with pytest.raises(ValueError, match=r"nodes are more than|no node 7"):
        _multi.nodes(command.split())
