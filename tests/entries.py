# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the keys of a worker, of beat, Flower and a broker where people look for them: in the specs of their roles.

``make schema`` copies them from the spec of an environment, the one that is read, so that ``ansible-doc -t role`` of
each role shows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.stalk.celery.plugins.plugin_utils._inventory._schema import environment_spec

ROOT = Path(__file__).parents[1]
TITLES = {"worker": "a worker", "beat": "beat", "flower": "Flower", "broker": "a broker"}
KEYS = {"worker": "workers", "beat": "beat", "flower": "flower", "broker": "broker"}
EXAMPLES = {
    "worker": """
celery_live:
  app: shop.celery:app
  directory: /srv/shop
  virtualenv: /srv/shop/.venv
  workers:
    - name: w1
    - name: reports
      queues: [reports]
      concurrency: 2
      hosts: [app2]
""",
    "beat": """
celery_live:
  beat:
    host: app1
""",
    "flower": """
celery_live:
  flower:
    host: app1
    address: 0.0.0.0
    basic_auth: ["ann:{{ flower_password }}"]
""",
    "broker": """
celery_live:
  broker:
    host: broker1
    kind: redis
""",
}
MARK = "\n  # From the spec of an environment, by make schema.\n"
_ELSEWHERE = "stalk.celery.celery_service#role:environment:celery_environment"
_DIRECTIVES = ("limits", "sandbox")


class _Dumper(yaml.SafeDumper):
    """Indents the items of a list, as yamllint wants it, and writes everything out."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent also the items of a list."""
        super().increase_indent(flow, False)

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write texts of several lines as such."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def ignore_aliases(self, data: Any) -> bool:
        """Write no anchors, which are for the one who writes a file."""
        return True


_Dumper.add_representer(str, _Dumper.represent_text)


def path_of(kind: str) -> Path:
    """Return the file with the specs of a kind's role."""
    return ROOT / "roles" / f"celery_{kind}" / "meta" / "argument_specs.yml"


def text_of(kind: str) -> str:
    """Return what the file holds: what stands there before the mark, and the keys."""
    own = path_of(kind).read_text(encoding="utf-8").partition(MARK)[0].rstrip("\n")
    entry = yaml.dump({kind: _entry(kind)}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=65)
    return f"{own}\n{MARK}" + "".join(f"  {line}\n" for line in entry.splitlines())


def _entry(kind: str) -> dict[str, Any]:
    key = KEYS[kind]
    option = environment_spec()[key]
    what = "an item of the key" if option["type"] == "list" else "the key"
    return {
        "short_description": f"The keys of {TITLES[kind]}",
        "description": [
            f"What {what} C({key}) of an environment is made of. There is nothing to call.",
            "Those of the environment itself are described with P(stalk.celery.celery_service#role).",
        ],
        "author": "The stalk.celery authors",
        "version_added": "1.0.0",
        "examples": EXAMPLES[kind].lstrip(),
        "options": {
            "celery_environment": {
                "description": ["Stands for the variable C(celery_<name>) of each environment, as C(celery_live)."],
                "type": "dict",
                "options": {key: _option(option, key)},
            },
        },
    }


def _option(option: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an option with references that lead out of this role where they have to."""
    described = option["description"]
    lines = [_references(line, key) for line in ([described] if isinstance(described, str) else described)]
    return {**option, "description": lines, **_suboptions(option, key, lines)}


def _suboptions(option: Mapping[str, Any], key: str, lines: list[str]) -> dict[str, Any]:
    options = option.get("options")
    if not options:
        return {}
    return {
        "options": {
            name: _directives(own, key) if name in _DIRECTIVES else _option(own, key) for name, own in options.items()
        }
    }


def _directives(option: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the option of many directives without these, which are the same everywhere."""
    found = _option({name: value for name, value in option.items() if name != "options"}, key)
    further = "The directives are listed by C(ansible-doc -t role stalk.celery.celery_service -e environment)."
    return {**found, "description": [*found["description"], further]}


def _references(line: str, key: str) -> str:
    own = rf"celery_environment\.(?!{key}\b)"
    return re.sub(rf"O\({own}", f"O({_ELSEWHERE}.", line)


def write() -> None:
    """Write all of them."""
    for kind in KEYS:
        path_of(kind).write_text(text_of(kind), encoding="utf-8")
