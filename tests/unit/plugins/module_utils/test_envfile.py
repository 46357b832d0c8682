# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import (
    changed_names,
    entries,
    without_secrets,
)
from ansible_collections.stalk.celery.plugins.module_utils._formats.systemd import environment_value
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
# Noncharacters (Cn) and surrogates (Cs) are refused where the inventory is checked.
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cn", "Cs"])
VALUES = st.text(CHARACTERS) | st.text(alphabet='A="\\\n$`#;')
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=5)
HIDDEN_LINE = re.compile(r"(\(hidden\)|([A-Za-z_][A-Za-z0-9_]*)=\(hidden\))(, changed)?")


def written(variables: dict[str, str]) -> str:
    """Return the environment file as the role's template writes it."""
    return "# Managed\n" + "".join(f"{name}={environment_value(value)}\n" for name, value in variables.items())


@given(VARIABLES)
def test_entries_are_what_was_written(variables: dict[str, str]) -> None:
    assert entries(written(variables)) == variables


@given(VARIABLES, VARIABLES)
def test_a_diff_names_exactly_the_variables_that_differ(old: dict[str, str], new: dict[str, str]) -> None:
    lines = "".join(changed_names(written(old), written(new))).splitlines()
    named = {line.partition("=")[0] for line in lines if not line.startswith("(hidden)")}
    assert named == {name for name in {**old, **new} if old.get(name) != new.get(name)}


@given(st.text(alphabet="Ab1_=\" \\\n'#;$`"), st.text(alphabet="Ab1_=\" \\\n'#;$`"))
def test_a_diff_has_nothing_but_names_whatever_the_files_are(old: str, new: str) -> None:
    for line in "".join(changed_names(old, new)).splitlines():
        found = HIDDEN_LINE.fullmatch(line)
        assert found is not None
        assert found[2] is None or found[2] in {**(entries(old) or {}), **(entries(new) or {})}


@pytest.mark.parametrize(
    "text",
    [
        "A=1\n",
        "A='1'\n",
        'A="1" \n',
        'export A="1"\n',
        'A="1"',
        'A="1\n',
        'A-B="1"\n',
        ' A="1"\n',
        '# x\\\nA="1"\n',
        "\ufeff",
    ],
)
def test_anything_else_is_not_taken_apart(text: str) -> None:
    assert entries(f'B="2"\n{text}') is None


def test_a_line_of_a_value_is_not_a_name() -> None:
    text = 'KEY="-----BEGIN-----\nTUlJRXZR\nQmc9PQ==\nHIDDEN=\\"1\\"\n"\n'
    assert entries(text) == {"KEY": '-----BEGIN-----\nTUlJRXZR\nQmc9PQ==\nHIDDEN="1"\n'}
    assert changed_names("", text) == ("", "KEY=(hidden)\n")


def test_another_order_is_a_change_without_names() -> None:
    assert changed_names('A="1"\nB="2"\n', 'B="2"\nA="1"\n') == ("(hidden)\n", "(hidden), changed\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://live:hunter2@broker:6379/1", "redis://live:********@broker:6379/1"),
        ("redis://:hunter2@broker", "redis://:********@broker"),
        ("amqp://u:p/a@s:s@broker//", "amqp://u:********@broker//"),
        ("'amqp://u:p@h' and 'amqp://v:q@i'", "'amqp://u:********@h' and 'amqp://v:********@i'"),
        ("see https://docs.example.com:8080/x", "see https://docs.example.com:8080/x"),
        ("user@example.com", "user@example.com"),
    ],
)
def test_passwords_in_urls(text: str, shown: str) -> None:
    assert without_secrets(text, {}) == shown


def test_values_of_variables_that_sound_secret() -> None:
    variables = {"API_TOKEN": "abcdef", "db_password": "x.y*z", "SETTINGS": "proj.settings", "PIN_KEY": "1"}
    text = "abcdef x.y*z proj.settings 1 x1y2z"
    assert without_secrets(text, variables) == "******** ******** proj.settings 1 x1y2z"


def test_a_misspelt_url_with_a_password() -> None:
    variables = {"BACKEND": "redis//u:p@h/1", "CELERYD_NODES": "w1@%h", "BROKER": "redis://u:p@h/1"}
    shown = without_secrets("Unknown backend 'redis//u:p@h/1' of w1@%h at redis://u:p@h/1", variables)
    assert shown == "Unknown backend '********' of w1@%h at redis://u:********@h/1"
