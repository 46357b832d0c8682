# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates become texts as Ansible makes them, and fast for many files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.stalk.celery.plugins.plugin_utils._core import Templates
from jinja2 import Environment


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    """Return the templates of a task whose variable ``level`` is INFO."""
    folder = tmp_path / "templates"
    action: Any = SimpleNamespace(
        _templar=Templar(loader=DataLoader()), _find_needle=lambda kind, name: str(tmp_path / kind / name)
    )
    folder.mkdir()
    (folder / "worker.j2").write_text("{% if name %}\n{{ name }}={{ level }}\n{% endif %}\nlast\n\n")
    return Templates(action, {"level": "INFO", "ansible_search_path": [str(tmp_path)]})


def test_each_text_has_its_own_variables_and_all_lines(templates: Templates) -> None:
    texts = [templates.rendered("worker.j2", {"name": name}) for name in ("w1", "w2", "")]
    assert texts == ["w1=INFO\nlast\n\n", "w2=INFO\nlast\n\n", "last\n\n"]


def test_a_template_is_compiled_once_for_all_files(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    compile_one = Environment.compile

    def note(self: Environment, source: Any, *names: Any, **options: Any) -> Any:
        compiled.extend([source] if "last" in str(source) else [])
        return compile_one(self, source, *names, **options)

    monkeypatch.setattr(Environment, "compile", note)
    for name in ("w1", "w2", "w3"):
        templates.rendered("worker.j2", {"name": name})
    assert len(compiled) == 1
