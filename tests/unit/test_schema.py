# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema that editors read agrees with what site.yml accepts."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.tests import entries, schema
from ansible_collections.stalk.celery.tests.unit.deciding import problems
from ansible_collections.stalk.celery.tests.unit.markdown import blocks
from jsonschema import Draft7Validator

GROUPS = {"all": ["app1"], "live": ["app1"]}
OF_TYPE = (  # messages about what a schema can see
    "is not a string. Write it in quotes",
    "is not a known key",
    "is not a list",
    "is not a dict",
    "not a string. Write",
    "which is unknown; write one of",
    "which is not a whole number",
    "which is not true or false",
)
FILES = sorted(
    path for kind in ("inventories/*", "molecule/*/inventory") for path in schema.ROOT.glob(f"{kind}/group_vars/*.yml")
)
OTHERS: tuple[Any, ...] = (True, 12, 1.5, "word", "{{ elsewhere }}", [], ["word"], [False], {}, {"key": "word"}, None)
EVERYTHING: dict[str, Any] = {
    "app": "edc:app",
    "directory": "/srv/edc",
    "virtualenv": "/srv/edc/.venv",
    "broker": {"host": "app1", "port": 6380, "management": True},
    "environment": {"PORT": "8000"},
    "limits": {"MemoryMax": "2G", "LimitNOFILE": 65536},
    "packages": ["celery"],
    "sandbox": {"PrivateTmp": False, "UMask": "0077"},
    "workers": [{"name": "w1", "queues": ["celery"], "pool": "solo", "hosts": ["app1"], "environment": {"A": "b"}}],
    "beat": {"host": "app1", "max_interval": 5},
    "flower": {"host": "app1", "port": 5555, "basic_auth": ["ann:secret"]},
}


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    """Return what editors do with the file."""
    return Draft7Validator(json.loads(schema.PATH.read_text(encoding="utf-8")))


def refused(validator: Draft7Validator, environment: Any) -> list[str]:
    """Return why the schema refuses an environment."""
    return [error.message for error in validator.iter_errors({"celery_live": environment})]


def test_the_file_is_up_to_date() -> None:
    assert schema.PATH.read_text(encoding="utf-8") == schema.text(), "run make schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(schema.ROOT)))
def test_an_inventory_is_accepted(validator: Draft7Validator, path: Any) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == []


def test_the_manual_names_the_address_of_the_schema() -> None:
    page = (schema.ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
    address = json.loads(schema.PATH.read_text(encoding="utf-8"))["$id"]
    assert f"# yaml-language-server: $schema={address}\n" in page
    assert address.endswith(f"/main/{schema.PATH.relative_to(schema.ROOT)}")


def test_inventories_of_the_manual_are_accepted(validator: Draft7Validator) -> None:
    shown = [yaml.safe_load(block.text) for block in blocks("yaml")]
    inventories = [data for data in shown if isinstance(data, dict) and any(key.startswith("celery_") for key in data)]
    assert len(inventories) >= 5
    for data in inventories:
        assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wrokers": []}, "'wrokers' was unexpected"),
        ({"workers": [{"name": "w1", "concurency": 8}]}, "'concurency' was unexpected"),
        ({"workers": [{"queues": ["celery"]}]}, "'name' is a required property"),
        ({"workers": [{"name": "w1", "queues": ["celery", False]}]}, "False is not of type 'string'"),
        ({"workers": [{"name": "w1", "pool": "preforked"}]}, "'preforked' is not valid"),
        ({"workers": [{"name": "w1", "concurrency": 0}]}, "0 is less than the minimum of 1"),
        ({"workers": [{"name": "w1", "concurrency": "many"}]}, "'many' does not match"),
        ({"workers": {"w1": {}}}, "is not of type 'array', 'string', 'null'"),
        ({"environment": {"PORT": 8000}}, "8000 is not of type 'string'"),
        ({"environment": {"MY-PORT": "8000"}}, "'MY-PORT' does not match"),
        ({"sandbox": {"UMask": 63}}, "63 is not of type 'string'"),
        ({"sandbox": {"PrivateTemp": "no"}}, "'PrivateTemp' was unexpected"),
        ({"beat": {"hosts": "app1, app2"}}, "'app1, app2' does not match"),
        ({"app": None}, "None is not of type 'string'"),
        ({"stop_timeout": 5}, "5 is less than the minimum of 10"),
        ({"shared_user": "perhaps"}, "'perhaps' does not match"),
    ],
)
def test_a_mistake_is_seen_in_the_editor(validator: Draft7Validator, change: dict[str, Any], said: str) -> None:
    assert refused(validator, EVERYTHING) == []
    [message] = refused(validator, {**EVERYTHING, **change})
    assert said in message


def test_other_variables_of_a_group_are_nobody_s_business(validator: Draft7Validator) -> None:
    assert not [*validator.iter_errors({"celeryd": 1, "vault_celery_live": 2, "celery_status_page": "status.html"})]


def test_the_schema_and_site_yml_agree_on_every_type(validator: Draft7Validator) -> None:
    tried = 0
    for environment in variants(EVERYTHING):
        found = problems(["live"], {"live": environment}, GROUPS, "app1")
        wrong = [problem for problem in found if any(text in problem for text in OF_TYPE)]
        templates = "{{ elsewhere }}" in json.dumps(environment)  # is a value only on a host
        if not templates:
            assert bool(wrong) <= bool(refused(validator, environment)), (environment, wrong)
        assert found or not refused(validator, environment), (environment, refused(validator, environment))
        tried += 1
    assert tried > 300


def variants(value: Any) -> Iterator[Any]:
    """Yield copies of an environment, each with one value replaced by one of another type."""
    for path in paths(value):
        for other in OTHERS:
            changed = copy.deepcopy(value)
            container = changed
            for part in path[:-1]:
                container = container[part]
            container[path[-1]] = other
            yield changed


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (key,)
        yield from ((key, *rest) for rest in paths(item))


@pytest.mark.parametrize("kind", entries.KEYS)
def test_ansible_doc_shows_the_keys_with_the_role_of_their_kind(kind: str) -> None:
    """As they are in the one spec that is read; ``make schema`` copies them."""
    assert entries.path_of(kind).read_text(encoding="utf-8") == entries.text_of(kind)


@pytest.mark.parametrize("kind", entries.KEYS)
def test_the_examples_are_right(kind: str) -> None:
    """Beside what an environment must have, which the first of them shows."""
    whole, part = (yaml.safe_load(entries.EXAMPLES[name])["celery_live"] for name in ("worker", kind))
    groups = {"all": ["app1", "app2", "broker1"], "live": ["app1", "app2"]}
    assert problems(["live"], {"live": {**whole, **part}}, groups, "app1") == []


def test_each_option_shows_a_value() -> None:
    """An example, a default, its choices; a secret has none."""
    without = [path for path, option in options(environment_spec()) if not shows_a_value(option)]
    assert [path for path in without if "secret" not in path] == []


def options(spec: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all options and their suboptions, each with its path."""
    for name, option in spec.items():
        yield f"{path}{name}", option
        yield from options(option.get("options", {}), f"{path}{name}.")


def shows_a_value(option: Any) -> bool:
    """Return whether a reader sees what may be written."""
    described = option["description"]
    text = described if isinstance(described, str) else " ".join(described)
    is_known = bool({"choices", "default", "options"} & {*option}) or option["type"] == "bool"
    return is_known or bool(re.search(r"[VC]\((?!celery\))", text))
