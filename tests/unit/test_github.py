# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that GitHub reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": [GITHUB / "workflows" / "ci.yml"],
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
}


def steps(workflow: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs."""
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def targets() -> set[str]:
    """Return what ``make`` can make."""
    return set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_github_understands(schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, SCHEMAS[schema])]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_and_leave_no_token(workflow: Path) -> None:
    lines = [line for line in workflow.read_text(encoding="utf-8").splitlines() if "uses: actions/" in line]
    assert lines
    assert [line for line in lines if not re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line)] == []
    checkouts = [step for step in steps(workflow) if "actions/checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_makes_is_there(workflow: Path) -> None:
    made = {name for step in steps(workflow) for name in re.findall(r"\bmake (?:--\w+ )*(\w+)", step.get("run", ""))}
    assert made
    assert made <= targets()


def test_each_ansible_core_that_is_tested_has_requirements() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    checked = {entry["core"] for entry in jobs["check"]["strategy"]["matrix"]["include"]}
    on_hosts = set(jobs["molecule"]["strategy"]["matrix"]["core"])
    there = {path.stem.removeprefix("ansible-") for path in (ROOT / "requirements").glob("ansible-*.txt")}
    assert checked == there
    assert on_hosts <= there
