# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is checked: ``python -m tests.check`` without hosts, ``python -m tests.check all`` with them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.collection import COPY, ROOT, make_copy
from tests.interpreters import at_least

LOGS = ROOT / ".cache" / "logs"
VENV = ROOT / ".venv"
VENV_221 = ROOT / ".venv-2.21"
LANES = 2  # three scenarios at a time take two processors as long, and tests get impatient
# For what only computes: it has the time in which scenarios wait. With nice it took a quarter of the time from them.
SPARE = ("chrt", "--idle", "0")
SLOWEST = ("fleet", "reliability", "changes", "limit", "default", "isolation", "clinicedc", "adopt", "broker", "soak")
PYLINT = ("pylint",)  # takes half of the time of sanity
IMPORT = ("import",)  # half of the rest; the unit tests import all modules as well
ELSEWHERE = ("changelog", "pep8", "yamllint")  # say less than antsibull-changelog, ruff and yamllint, which have steps
ONCE = ("changelog", "pep8", "runtime-metadata", "yamllint")  # say the same with each ansible-core
ON_DEMAND = ("deploys", "takeover")  # `make molecule SCENARIO=takeover`, and the workflows of GitHub
# The others have the oldest ansible-core that is supported; the longest of them have Debian's Python, which is faster.
WITH_221 = ("broker", "default", "limit")

PYTHON_OF_HOSTS = "3.8"  # the oldest that ansible-core 2.19 takes, see ruff's target versions in pyproject.toml as well
PYTHON_OF_CONTROL = "3.11"
VERMIN = ("--violations", "--no-tips")


@dataclass(frozen=True)
class Step:
    """One command whose exit status 0 means that all is well."""

    name: str
    command: Sequence[str]
    directory: Path = ROOT
    venv: Path = VENV
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: bool = False  # whether it starts services, and waits for them


@dataclass(frozen=True)
class Outcome:
    """How a step ended, and after how many seconds."""

    step: Step
    status: int
    seconds: float


def without_hosts(skipped: Sequence[str], processes: bool) -> list[Step]:
    """Return the steps that need no host, the slow one first.

    :param skipped: tests of ansible-test that are left out.
    :param processes: whether the unit tests are run that start Celery and other programs, and modules imported with the
        oldest Python as well, which takes half of the time.
    """
    skip = [f"--skip-test={test}" for test in skipped]
    on_hosts = ["plugins/modules", "plugins/module_utils", *map(str, ROOT.glob("roles/*/files"))]
    pythons = [] if processes else [f"--python={sys.version_info.major}.{sys.version_info.minor}"]  # or the oldest too
    return [
        Step("ansible-test sanity", ["python", "-m", "tests.sanity", *skip, *pythons]),
        unit_tests("unit tests", VENV, "not processes and not programs"),
        Step("galaxy-importer", ["python", "-m", "tests.galaxy"]),
        Step("ansible-lint", ["ansible-lint", "--offline"]),
        Step("mypy", ["mypy"]),
        Step("mypy, what runs on hosts", ["mypy", "roles/celery_service/files"]),
        Step("ruff", ["ruff", "check", "."]),
        Step("ruff format", ["ruff", "format", "--check", "."]),
        Step("yamllint", ["yamllint", "--strict", "."]),
        Step("reuse", ["reuse", "lint", "--quiet"]),
        Step("codespell", ["codespell"], COPY),
        Step("vermin, what runs on hosts", ["vermin", f"--target={PYTHON_OF_HOSTS}-", *VERMIN, *on_hosts]),
        Step("vermin, what runs on the control node", ["vermin", f"--target={PYTHON_OF_CONTROL}-", *VERMIN, "plugins"]),
        Step("antsibull-docs", ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "."], COPY),
        Step("antsibull-changelog", ["antsibull-changelog", "lint"], COPY),
        *([unit_tests("unit tests with programs", VENV, "processes or programs", processes=True)] if processes else []),
    ]


def with_hosts(venv_221: Path) -> list[Step]:
    """Return one step for each Molecule scenario, the slow ones first, and one for the tutorial."""
    names = sorted({path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")} - {*ON_DEMAND})
    in_order = sorted(names, key=(*SLOWEST, *names).index)
    scenarios = [scenario(name, venv_221 if name in WITH_221 else VENV) for name in in_order]
    return [*scenarios, in_world("tutorial", "tutorial", ["python", "-m", "tests.tutorial"], VENV)]


def make_venv_221(python: Path) -> Step:
    """Return the step that makes the virtual environment with ansible-core 2.21."""
    command = ["python", "-m", "tests.venv", str(VENV_221), "requirements/ansible-2.21.txt", str(python)]
    return Step("virtual environment with ansible-core 2.21", command)


def with_ansible_221(python: Path) -> list[Step]:
    """Return the steps without hosts that are repeated with ansible-core 2.21; other Pythons had their turn before."""
    version = python.name.removeprefix("python")
    return [
        Step("ansible-test sanity 2.21", ["python", "-m", "tests.sanity", f"--python={version}"], venv=VENV_221),
        unit_tests("unit tests 2.21", VENV_221, "not processes"),
    ]


def unit_tests(name: str, venv: Path, chosen: str, processes: bool = False) -> Step:
    """Return the step that runs the unit tests whose markers are ``chosen``; they wait half of their time."""
    command = ["python", "-m", "pytest", "--quiet", "--numprocesses=4", "-m", chosen, "tests/unit"]
    return Step(name, command, COPY, venv, {"PYTHONPATH": str(COPY.parents[2])}, processes)


def scenario(name: str, venv: Path) -> Step:
    """Return the step that runs a Molecule scenario."""
    command = ["molecule", "test", "--no-command-borders", "--destroy=never", "-s", name]  # with its world it goes
    return in_world(f"molecule {name}", name, command, venv)


def in_world(name: str, world: str, command: Sequence[str], venv: Path) -> Step:
    """Return the step that runs a command in a world of test hosts."""
    return Step(name, ["python", "-m", "tests.hosts", "run", world, "--", *command], venv=venv, processes=True)


def run(step: Step) -> Outcome:
    """Run one step; its output goes to a file, and is shown if it fails."""
    print(f"...             {step.name}", flush=True)
    began = time.monotonic()
    bin_directory = str(step.venv / "bin")
    environment = {**os.environ, **step.environment, "PATH": bin_directory + os.pathsep + os.environ["PATH"]}
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{step.name}.log"
    with log.open("w") as stream:
        status = subprocess.run(
            step.command, cwd=step.directory, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False
        ).returncode
    outcome = Outcome(step, status, time.monotonic() - began)
    if status != 0:
        print(f"\n{log}:\n{log.read_text(errors='replace')}", flush=True)
    print(line(outcome), flush=True)
    return outcome


def line(outcome: Outcome) -> str:
    """Return one line for people."""
    return f"{'ok    ' if outcome.status == 0 else 'FAILED'} {outcome.seconds:6.1f} s  {outcome.step.name}"


def together(steps: Sequence[Step], lanes: int = LANES) -> list[Outcome]:
    """Run steps side by side."""
    with ThreadPoolExecutor(max_workers=lanes) as pool:
        return list(pool.map(run, steps))


def beside(steps: Sequence[Step]) -> list[Outcome]:
    """Run those that start services side by side, and the others one by one, with what these leave."""
    rest = [replace(step, command=[*SPARE, *step.command]) for step in steps if not step.processes]
    with ThreadPoolExecutor(max_workers=1) as pool:
        of_rest = pool.submit(together, rest, lanes=1)
        return together([step for step in steps if step.processes]) + of_rest.result()


def everything(python: Path | None) -> list[Outcome]:
    """Run all that there is.

    :param python: for ansible-core 2.21, if there is one.
    """
    if python is None:
        return beside([*without_hosts([], processes=True), *with_hosts(VENV)])
    made = run(make_venv_221(python))
    steps = without_hosts([*PYLINT, *ONCE], processes=True) + with_ansible_221(python)
    return [made, *beside([*steps, *with_hosts(VENV_221)])]


def main() -> int:
    """Run the steps and print the summary; return 1 if one failed."""
    began = time.monotonic()
    make_copy()
    notes = []
    if sys.argv[1:] == ["all"]:
        python = at_least("3.12")
        outcomes = everything(python)
        notes += [] if python else ["not run with ansible-core 2.21: there is no Python 3.12 or newer here"]
    else:
        outcomes = together(without_hosts([*PYLINT, *IMPORT, *ELSEWHERE], processes=False))
    print("\n" + "\n".join([line(outcome) for outcome in outcomes] + notes))
    failed = [outcome for outcome in outcomes if outcome.status != 0]
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} passed in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
