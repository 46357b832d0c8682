# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command lines of other set-ups start, behind whatever."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats import _shell
from ansible_collections.stalk.celery.plugins.module_utils._plan import _calls
from ansible_collections.stalk.celery.plugins.module_utils._plan._calls import Context

SCRIPTS = {
    "/srv/run.sh": "#!/bin/sh\ncd /srv/app\nexport STAGE=live\nexec celery -A edc worker -Q ${Z:-a,b} >>log 2>&1 &\n",
    "/srv/agent": '#!/bin/sh\nshift\nexec "$@"\n',
}
APP = ("--app", "edc")


def calls(command: str) -> list[_calls.Call]:
    """Return what a command starts in /srv."""
    return _calls.calls(shlex.split(command), Context("/srv", "root", {"Q": "x y"}), lambda path: SCRIPTS.get(path, ""))


@pytest.mark.parametrize(
    ("command", "words", "options"),
    [
        ("celery -A edc worker -EBc4", "celery", [APP, ("--task-events", ""), ("--beat", ""), ("--concurrency", "4")]),
        ("celery worker --app edc -n w1", "celery", [APP, ("--hostname", "w1")]),
        ("python -m celery --app=edc worker --events", "python -m celery", [APP, ("--task-events", "")]),
        ("python manage.py celery worker -O fair", "python manage.py celery", [("-O", "fair")]),
        ("python manage.py celeryd -l info", "python manage.py celeryd", [("--loglevel", "info")]),
        ("watchmedo auto-restart -p '*' -- celery -A edc worker", "watchmedo auto-restart -p * -- celery", [APP]),
        ("/srv/agent run celery -A edc worker", "/srv/agent run celery", [APP]),
        ("/srv/run.sh", "celery", [APP, ("--queues", "a,b")]),
        ("bash -lc 'celery -A edc worker -n \"$Q\"'", "celery", [APP, ("--hostname", "x y")]),
        ("celery -A edc worker stray --x=1", "celery", [APP, ("", "stray"), ("--x", "1")]),
        ("celery -A edc beat -S redbeat.X", "celery", [APP, ("--scheduler", "redbeat.X")]),
        ("celery -A edc flower --url_prefix=f -port=5", "celery", [APP, ("--url-prefix", "f"), ("--port", "5")]),
    ],
)
def test_the_words_in_front_and_the_options(command: str, words: str, options: list[tuple[str, str]]) -> None:
    (call,) = calls(command)
    assert (" ".join(call.words), [*call.options]) == (words, options)


@pytest.mark.parametrize(
    "command",
    ["celery -A edc inspect active", "celery -A worker shell", "python manage.py migrate", "/opt/celery/run", "sh", ""],
)
def test_what_ends_by_itself_is_no_service(command: str) -> None:
    assert calls(command) == []


@pytest.mark.parametrize(
    ("command", "changes"),
    [
        ("sudo -u live celery -A edc worker", {"user": "live"}),
        ("runuser -u live -- celery -A edc worker", {"user": "live"}),
        ("su - live -c 'cd app && celery -A edc worker'", {"user": "live", "directory": "/srv/app"}),
        ("nice -n 5 env A=b celery -A edc worker", {"nice": "5", "variables": {"Q": "x y", "A": "b"}}),
        ("celery -b redis://h -A edc worker", {"variables": {"Q": "x y", "CELERY_BROKER_URL": "redis://h"}}),
        ("/srv/run.sh", {"directory": "/srv/app", "variables": {"Q": "x y", "STAGE": "live"}}),
        ("celery --workdir=app -A edc worker", {"directory": "/srv/app"}),
    ],
)
def test_what_stands_in_front_of_celery_is_kept(command: str, changes: dict[str, object]) -> None:
    (call,) = calls(command)
    expected = {"directory": "/srv", "user": "root", "variables": {"Q": "x y"}, "nice": "", **changes}
    assert {key: getattr(call.context, key) for key in expected} == expected


@pytest.mark.parametrize("text", ["x='", 'a="$(b', "$((", "`", "${", "\\", "a=b " * 5000, "x=$x$x\n" * 5000])
def test_a_script_that_is_none_harms_nobody(text: str) -> None:
    """Whatever a user writes into it."""
    assert [*_shell.commands(text, {"x": "1" * 100})]
