# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What README and manual say is true: inventories are valid, commands and links lead somewhere, messages exist."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.stalk.celery.plugins.module_utils._plan import _exit_codes
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec
from ansible_collections.stalk.celery.tests.unit.deciding import problems
from ansible_collections.stalk.celery.tests.unit.markdown import (
    PAGES,
    ROOT,
    Block,
    anchors,
    blocks,
    links,
    without_code,
)

WORDS_OF_README = 1000
EXAMPLES = 0  # blocks that nothing checks; give a reason in the comment before one, and count it here
LANGUAGES = {"yaml", "ini", "json", "python", "sh", "console", "text"}
OTHERS = ["broker1"]  # hosts in no environment
MINIMAL = {"app": "edc:app", "directory": "/srv/edc", "virtualenv": "/srv/edc/.venv"}
WORKER = environment_spec()["workers"]["options"]
COMMANDS = blocks("sh", "console")


def case(block: Block) -> Any:
    """Return a block as a test case with the name of its place."""
    return pytest.param(block, id=str(block))


def plays(block: Block) -> bool:
    """Return whether a block is a playbook."""
    data = yaml.safe_load(block.text)
    return isinstance(data, list) and "hosts" in data[0]


def variables(block: Block) -> dict[str, Any]:
    """Return the variables of groups that a block has or is part of."""
    data = yaml.safe_load(block.text)
    if isinstance(data, list):
        data = {"workers": data}
    if all(key.startswith("celery_") for key in data):
        return dict(data)
    if "workers" not in data and {*data} <= {*WORKER} - {*environment_spec()}:
        data = {"workers": [{"name": "w1", **data}]}
    return {"celery_live": {**MINIMAL, **data}}


def groups_of(page: str) -> dict[str, list[str]]:
    """Return the groups of the inventory that a page shows, empty if it shows none."""
    parser = configparser.ConfigParser(allow_no_value=True)
    for block in blocks("ini"):
        if block.page == page:
            parser.read_string(block.text)
    return {name: [*parser[name]] for name in parser.sections()}


def found_in(page: str, shown: Mapping[str, Any]) -> list[str]:
    """Return what the check of the inventory says of environments, on each host."""
    environments = {key.removeprefix("celery_"): value for key, value in shown.items() if key != "celery_environments"}
    named = sorted({"app1", *re.findall(r"\bapp\d\b", str(environments))})
    groups = groups_of(page) or dict.fromkeys(environments, named)
    hosts = sorted({*OTHERS, *(host for members in groups.values() for host in members)})
    of_host = {host: {name: value for name, value in environments.items() if host in groups[name]} for host in hosts}
    hostvars = {host: {f"celery_{name}": value for name, value in own.items()} for host, own in of_host.items()}
    return [
        problem
        for host, own in of_host.items()
        for problem in problems([*environments], own, {**groups, "all": hosts}, host, "", hostvars)
    ]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= WORDS_OF_README


def test_blocks_have_a_language_and_those_that_nothing_checks_are_counted() -> None:
    assert [str(block) for block in blocks() if block.language not in LANGUAGES] == []
    assert len([block for block in blocks() if block.is_example]) == EXAMPLES


@pytest.mark.parametrize("block", [case(block) for block in blocks("yaml") if not plays(block)])
def test_an_inventory_is_valid(block: Block) -> None:
    shown = variables(block)
    assert [*shown] == ["celery_environments"] or found_in(block.page, shown) == []


@pytest.mark.parametrize("page", sorted({block.page for block in blocks("ini")}))
def test_the_inventory_of_a_page_is_valid_as_a_whole(page: str) -> None:
    whole = [variables(block) for block in blocks("yaml") if block.page == page and not plays(block)]
    named = {key: value for shown in whole for key, value in shown.items()}
    assert {*named["celery_environments"]} == {*groups_of(page)}
    assert found_in(page, named) == []


def test_playbooks_can_be_read(tmp_path: Path) -> None:
    playbooks = [block for block in blocks("yaml") if plays(block)]
    assert playbooks
    for number, block in enumerate(playbooks):
        (tmp_path / f"{number}.yml").write_text(block.text, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "--syntax-check", *map(str, sorted(tmp_path.glob("*.yml")))],
        env={"ANSIBLE_COLLECTIONS_PATH": str(ROOT.parents[2]), "ANSIBLE_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("block", [case(block) for block in blocks("json")])
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", [case(block) for block in blocks("python")])
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", [case(block) for block in COMMANDS])
def test_a_command_names_what_is_there(block: Block) -> None:
    assert {*re.findall(r"ansible-playbook .*?stalk\.celery\.(\w+)", block.text)} <= names("playbooks/*.yml")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {*re.findall(r"^(?:\$ )?make (\w+)", block.text, re.MULTILINE)} <= {
        *re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_the_collection_are_there(page: Path) -> None:
    there = {
        *names("playbooks/*.yml"),
        *names("plugins/modules/*.py"),
        *names("plugins/filter/*.py"),
        *names("roles/*"),
    }
    text = page.read_text(encoding="utf-8")
    named = {*re.findall(r"(?<![./\w])stalk\.celery\.(\w+)", text)} - {"reply"}  # the queue for answers
    assert named <= there
    public = {*re.findall(r"\bcelery_(?:service|restart|rollback|remove|status)_\w+", text)}
    outputs = {f"celery_service_{name}" for name in ("plan", "look", "compared", "locked_out", "run")}
    assert public <= {*options(), *outputs}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_each_page_of_the_manual_is_in_the_readme() -> None:
    assert {f"docs/{path.name}" for path in ROOT.glob("docs/*.md")} <= {*links(ROOT / "README.md")}


def test_messages_that_troubleshooting_explains_exist() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    ours = text.split("### Exit codes")[0] + text.split("## Playbooks")[1]
    messages = re.findall(r"^\| `([^`]+)` \|", without_code(ours), re.MULTILINE)
    assert len(messages) >= 15
    said = source()
    for part in (part for message in messages for part in message.split("…")):
        assert part in said, part


def test_exit_codes_have_their_names() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    codes = re.findall(r"`(2\d\d)/([A-Z_]+)`", text)
    assert len(codes) >= 10
    assert codes == [(number, _exit_codes.name(number)) for number, _name in codes]


def names(pattern: str) -> set[str]:
    """Return the names of files or directories, without what makes them a kind of file."""
    return {path.stem for path in ROOT.glob(pattern)}


def options() -> set[str]:
    """Return the variables of all roles."""
    specs = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    return {name for spec in specs for entry in spec["argument_specs"].values() for name in entry["options"]}


def source() -> str:
    """Return all code, with strings that continue on the next line as one."""
    files = [path for kind in ("plugins", "roles") for path in (ROOT / kind).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r"[\"']\s*\n\s*f?[\"']", "", text)
