# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import ShapeError
from ansible_collections.stalk.celery.plugins.module_utils._host import _bounded
from ansible_collections.stalk.celery.plugins.module_utils._plan import _answers

EVERYTHING = "".join(map(chr, range(sys.maxunicode + 1)))
REQUEST = {"do": "verify", "nodes": {"w1@app1": []}}
NODE = {
    "queues": ["celery"],
    "active": [],
    "reserved": 0,
    "scheduled": 0,
    "total": 0,
    "accepted": 0,
    "pool": "prefork",
    "concurrency": 8,
}
ANSWER: dict[str, Any] = {
    "nodes": {"w1@app1": NODE},
    "later": {"w1@app1": None},
    "wanted": {"w1@app1": ["celery"]},
    "no_remote_control": False,
    "pool": "prefork",
    "queues": {"celery": 3, "video": None},
    "worked": {"celery": True},
    "answers": {"w1@app1": 1},
    "others": {"w1@app2": ["celery"]},
    "failed": [],
}


def test_no_character_is_shown_that_moves_or_hides_others() -> None:
    shown = set(_strangers.text(EVERYTHING, 10 * len(EVERYTHING)))
    assert not {*map(unicodedata.category, shown)} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not shown & set("\u115f\u2800\u3164\ufe0f\U000e0100")
    "".join(shown).encode()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("prêt, 50 %, Łódź 東京", "prêt, 50 %, Łódź 東京"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nlive/w1: down", r"a\nlive/w1: down"),
        ("a\r\x85\u2028\u202e\u200b\x9b\x7f\ufeff", r"a\r\x85\u2028\u202e\u200b\x9b\x7f\ufeff"),
        ("\udcff", r"\udcff"),
        ("tab\tbed", "tab bed"),
        (None, "None"),
        ("x" * 2000, "x" * 999 + "…"),
    ],
)
def test_a_text_is_one_line_of_a_certain_length(said: object, shown: str) -> None:
    assert _strangers.text(said) == shown


def test_the_lines_of_a_stranger_are_told_from_ours() -> None:
    said = _strangers.headed("failed\nlive/w1: down\x0blive/w2: down\u2028live/w3: down")
    assert said[0] + _strangers.quoted(said[1:]) == (
        "failed\n    | live/w1: down\n    | live/w2: down\n    | live/w3: down"
    )


def test_what_is_shown_again_on_the_controller_stays_as_it_is() -> None:
    once = _strangers.requoted("failed:\nTraceback\n  x = 1")
    assert _strangers.requoted(once) == once == "failed:\n    | Traceback\n    | x = 1"
    assert _strangers.requoted("") == ""


def test_secrets_are_found_in_time_in_a_text_made_to_take_long() -> None:
    began = time.process_time()
    without_secrets("://a:" * 13000, {})
    assert time.process_time() - began < 10


def test_an_answer_is_taken() -> None:
    assert _answers.read(json.dumps({**ANSWER, "more": 1}), REQUEST) == ANSWER
    assert _answers.read('{"error": "a\\nb", "nodes": 1}', REQUEST) == {"error": "a\nb"}
    processes = {"processes": {"w1@app1": 4242}, "no_remote_control": False, "pool": "prefork"}
    assert _answers.read(json.dumps(processes), {"do": "processes", "nodes": {"w1@app1": []}}) == processes


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "it is not JSON"),
        ("[" * 100000, "it is not JSON"),
        ('{"a":' * 100000, "it is not JSON"),
        ("9" * 100000, "it is not JSON"),
        ('{"no_remote_control": true, "no_remote_control": false}', "it is not JSON"),
        ("[]", "it is not a dict"),
        ("null", "it is not a dict"),
        ('{"error": 1}', "error is not a text"),
        ('{"error": ["x"]}', "error is not a text"),
    ],
)
def test_no_answer(document: str, problem: str) -> None:
    with pytest.raises(ShapeError, match=f"^{problem}"):
        _answers.read(document, REQUEST)


BAD: list[Callable[[dict[str, Any]], object]] = [
    lambda answer: answer.pop("nodes"),
    lambda answer: answer.update(nodes={"w1@app1": 7}),
    lambda answer: answer.update(no_remote_control=0),
    lambda answer: answer.update(pool=None),
    lambda answer: answer.update(queues={"celery": "3"}),
    lambda answer: answer.update(queues={"celery": True}),
    lambda answer: answer.update(queues={"celery": -1}),
    lambda answer: answer.update(queues={"celery": 10**30}),
    lambda answer: answer.update(queues={"celery": float("nan")}),
    lambda answer: answer.update(queues={"celery": float("inf")}),
    lambda answer: answer.update(queues={"celery": [[]]}),
    lambda answer: answer.update(queues=dict.fromkeys(map(str, range(20000)), 0)),
    lambda answer: answer.update(worked={"other": False}),
    lambda answer: answer.update(worked=["celery"]),
    lambda answer: answer.update(later={}, worked={"celery": 1}),
    lambda answer: answer["nodes"]["w1@app1"].update(active=7),
    lambda answer: answer["nodes"]["w1@app1"].update(active=[7]),
    lambda answer: answer["nodes"]["w1@app1"].update(active=[{"id": {}, "name": "x", "seconds": 1}]),
    lambda answer: answer["nodes"]["w1@app1"].update(queues="celery"),
    lambda answer: answer["nodes"]["w1@app1"].update(queues=[["celery"]]),
    lambda answer: answer["nodes"]["w1@app1"].update(reserved="many"),
    lambda answer: answer["nodes"]["w1@app1"].update(accepted=None),
]


@pytest.mark.parametrize("spoil", BAD)
def test_an_answer_of_another_shape_is_refused_with_its_place(spoil: Callable[[dict[str, Any]], object]) -> None:
    answer = json.loads(json.dumps(ANSWER))
    spoil(answer)
    with pytest.raises(ShapeError, match=r"^\S.* is not "):
        _answers.read(json.dumps(answer), REQUEST)


def test_what_a_task_returns_stays_as_it_is() -> None:
    result = {"text": "two\nlines \x1b[1m", "big": 2**100, "list": [None, 1.5, True]}
    answer = {"id": "1", "state": "SUCCESS", "result": result, "failure": ""}
    assert _answers.read(json.dumps(answer), {"do": "task"}) == answer
    for bad in (json.loads("[" * 200 + "]" * 200), json.loads("{}")):
        spoilt = {**answer, "result": bad, **({} if bad else {"state": "DONE"})}
        with pytest.raises(ShapeError, match=r"^(result|state) is not"):
            _answers.read(json.dumps(spoilt), {"do": "task"})
    assert _answers.read(json.dumps({**answer, "result": "\ud800"}), {"do": "task"})["result"] == "\ufffd"


def test_data_is_cleaned_at_every_level() -> None:
    assert _strangers.cleaned({"a\x1b": ["b\x9b", {"c": ("d\u202e", 1, None, True)}], "ours": "a\n    | b"}) == {
        r"a\x1b": [r"b\x9b", {"c": [r"d\u202e", 1, None, True]}],
        "ours": "a\n    | b",
    }
    deep: list[Any] = []
    for _level in range(100000):
        deep = [deep]
    assert re.fullmatch(r"\[+'…'\]+", str(_strangers.cleaned(deep)))


def python(program: str, seconds: float = 20, **options: Any) -> tuple[_bounded.Said, float]:
    began = time.monotonic()
    said = _bounded.run([sys.executable, "-c", program], seconds, **options)
    return said, time.monotonic() - began


def test_a_command_says_all() -> None:
    said, _took = python("import sys; print(sys.stdin.read()[::-1]); print('x', file=sys.stderr); exit(3)", data="abc")
    assert said == _bounded.Said(3, "cba\n", "x\n")


def test_a_command_that_reads_nothing() -> None:
    assert python("print(1)", data="x" * 2**20)[0].output == "1\n"


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "import os, time; os.close(1); os.close(2); time.sleep(60)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
    ],
)
def test_a_command_that_does_not_end(program: str) -> None:
    said, took = python(program, 1)
    assert (said.fault, took < 5) == (_bounded.LATE, True)


def test_a_command_that_gave_its_output_to_another_process() -> None:
    child = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  while True: os.write(1, b'x'); time.sleep(0.1)\n"
    said, took = python(f"{child}os.write(1, b'done')")
    assert (said.fault, "done" in said.output, took < 5) == ("", True, True)


@pytest.mark.parametrize("stream", [1, 2])
def test_a_command_that_writes_without_end(stream: int) -> None:
    said, took = python(f"import os\nwhile True: os.write({stream}, b'x' * 65536)")
    assert (said.fault, took < 10) == (_bounded.TOO_MUCH, True)
    assert len(said.errors) <= _bounded.TAIL


def test_a_command_has_no_terminal() -> None:
    assert "OSError" in python("open('/dev/tty')")[0].errors


def test_of_a_log_the_end_is_kept() -> None:
    said, _took = python("for number in range(100000): print('line', number)", into=_bounded.Tail())
    assert len(said.output) <= _bounded.TAIL
    assert re.match(r"line \d+\n", said.output)
    assert said.output.endswith("line 99999\n")
