# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How packages get into a virtual environment, and what has to be there for it. Decides; touches nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats._strangers import (
    Reader,
    fields,
    flag,
    items,
    lines,
    one_of,
    parsed,
    quoted,
    several_lines,
    string,
    table,
)
from ansible_collections.stalk.celery.plugins.module_utils._plan import _requirements

# What of the run's own variables installers need: the way to an index, and how to build.
_PASSED_ON = re.compile(
    r"(?i:(https?|ftp|all|no)_proxy)|(PIP|UV|GIT)_[A-Z_]+|(SSL_CERT|REQUESTS_CA|CURL_CA)_[A-Z]+"
    r"|CC|CXX|CFLAGS|LDFLAGS|LANG|LC_ALL|TZ"
)
_SHOWN = 20  # lines of an installer that failed
_LOOK: Reader = fields(
    {
        "uv": string,
        "python": string,
        "lacks": items(string),
        "state": one_of("absent", "foreign", "incomplete", "broken", "complete"),
        "leads": string,
        "clear": flag,
        "exists": flag,
        "pip": flag,
        "blocked": string,
        "missing": items(string),
        "unreadable": items(string),
        "distributions": table(string),
    }
)
_INSTALL: Reader = fields({"problem": string, "said": several_lines, "would": items(string), "after": table(string)})
_READERS: dict[str, Reader] = {"look": _LOOK, "install": _INSTALL, "list": table(string)}


@dataclass(frozen=True)
class Environment:
    """An environment whose packages are installed; ``exists`` says whether its user does."""

    name: str
    user: str
    home: str
    virtualenv: str
    python: str
    packages: tuple[str, ...]
    exists: bool = True

    def __str__(self) -> str:
        return f"celery_{self.name}"

    def has_at_home(self, path: str) -> bool:
        """Return whether ``path`` is in the user's home."""
        return path.startswith(f"{self.home.rstrip('/')}/")


def environ(environment: Environment, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an installer has: of those ``given`` to this run the harmless ones."""
    home = environment.home
    return {
        **{name: value for name, value in given.items() if _PASSED_ON.fullmatch(name)},
        "HOME": home,
        "PATH": f"{home}/.local/bin:/usr/local/bin:/usr/bin:/bin",
        "UV_CACHE_DIR": f"{home}/.cache/uv",
    }


def answer(do: str, document: str) -> Any:
    """Return what the program says that runs as the user. Raises ShapeError for what it cannot have said."""
    return _READERS[do](parsed(document))


def problems(environment: Environment, seen: Mapping[str, Any], apt: bool, has_home: bool) -> list[str]:
    """Return why the packages of ``environment`` cannot be installed, of what can be ``seen`` before it is tried.

    :param apt: whether the host installs packages of Debian.
    :param has_home: whether the user's home is there. If not, an earlier task makes it, and what is to be in it is new.
    """
    is_at_home = environment.has_at_home(environment.virtualenv) and not (has_home and environment.exists)
    unusable = _problem_of_state(environment, seen)
    if unusable:
        return [f"{environment}.{unusable}"]
    found = [
        _problem_of_tools(environment, seen, apt),
        "" if is_at_home else _problem_of_place(environment, seen),
        *(_problem_of_file(environment, path, "does not exist") for path in seen["missing"]),
        *(_problem_of_file(environment, path, "cannot be read by its user") for path in seen["unreadable"]),
    ]
    return [f"{environment}.{problem}" for problem in found if problem]


def _problem_of_state(environment: Environment, seen: Mapping[str, Any]) -> str:
    path = environment.virtualenv
    if seen["state"] == "foreign":
        return (
            f"virtualenv is {path}, which is no virtual environment (it has no pyvenv.cfg), and packages go into "
            f"nothing else. Write a path of its own, for example {environment.home}/.venv, or leave packages out."
        )
    if seen["state"] == "broken":
        return (
            f"virtualenv is {path}, whose bin/python leads to {seen['leads']}, which cannot be executed. "
            f"Move {path} away: the next run makes a new one."
        )
    return ""


def _problem_of_tools(environment: Environment, seen: Mapping[str, Any], apt: bool) -> str:
    if seen["uv"]:
        return ""
    if seen["state"] == "complete":
        return "" if seen["pip"] else _problem_of_pip(environment)
    if not seen["python"]:
        return (
            f"python is {environment.python!r}, which {environment.user} finds neither in "
            f"{environment.home}/.local/bin, /usr/local/bin, /usr/bin nor /bin. Install it, or write another one."
        )
    if not seen["lacks"]:
        return ""
    package = f"{os.path.basename(environment.python)}-venv"
    way = f"run 'apt-get install {package}' there" if apt else f"install what {seen['python']} lacks"
    return (
        f"packages needs a virtual environment, and {seen['python']} of this host cannot make one without "
        f"{' and '.join(seen['lacks'])}: {way}, or install uv in /usr/local/bin."
    )


def _problem_of_pip(environment: Environment) -> str:
    path = environment.virtualenv
    return (
        f"packages needs pip in {path}, which has none (No module named pip), or uv, which {environment.user} does not "
        f"find in {environment.home}/.local/bin, /usr/local/bin, /usr/bin and /bin. Install uv in one of these, or run "
        f"'{path}/bin/python -m ensurepip' as {environment.user}."
    )


def _problem_of_place(environment: Environment, seen: Mapping[str, Any]) -> str:
    if not seen["blocked"]:
        return ""
    user, path = environment.user, environment.virtualenv
    who = user if environment.exists else f"{user}, who does not exist yet,"
    if seen["state"] == "complete":
        return (
            f"virtualenv is {path}, and {who} cannot install packages there: {seen['blocked']}. "
            f"Run 'chown -R {user}: {path}', or write another path."
        )
    return (
        f"virtualenv is {path}, and {who} cannot make it: {seen['blocked']}. Make {os.path.dirname(path)} for user "
        f"{user}, or write a path in {environment.home}."
    )


def _problem_of_file(environment: Environment, path: str, what: str) -> str:
    if not environment.exists and environment.has_at_home(path):
        return ""
    who = environment.user
    return f"packages names {path}, which {what}. Deploy it before, readable for {who}, or correct the path."


def must_be_made(seen: Mapping[str, Any]) -> bool:
    """Return whether there is no virtual environment, or only the beginning of one."""
    return seen["state"] in ("absent", "incomplete")


def creation(environment: Environment, seen: Mapping[str, Any]) -> list[str]:
    """Return the command that makes the virtual environment or what it lacks; none if nothing is to be made."""
    if not must_be_made(seen):
        return []
    if seen["uv"]:
        existing = ["--allow-existing"] if seen["exists"] else []
        return [seen["uv"], "venv", *existing, "--python", environment.python, environment.virtualenv]
    return [seen["python"], "-m", "venv", *(["--clear"] if seen["clear"] else []), environment.virtualenv]


def installation(environment: Environment, seen: Mapping[str, Any], dry: bool) -> list[str]:
    """Return the command that installs what is in the file REQUIREMENTS; ``dry`` lets it tell what it would do."""
    python = os.path.join(environment.virtualenv, "bin/python")
    if seen["uv"]:
        # Unlike pip, uv leaves bytecode to the first run of a program, and services cannot write it.
        command = [seen["uv"], "pip", "install", "--compile-bytecode", "--python", python]
        return [*command, *(["--dry-run"] if dry else []), "-r", "REQUIREMENTS"]
    command = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    return [*command, *(["--dry-run", "--report", "REPORT"] if dry else []), "-r", "REQUIREMENTS"]


def request(do: str, environment: Environment, variables: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """Return what the program is asked for."""
    return {
        "do": do,
        "environ": dict(variables),
        "home": environment.home,
        "virtualenv": environment.virtualenv,
        "python": environment.python,
        "files": _requirements.files(environment.packages),
        "requirements": _requirements.lines(environment.packages),
        **more,
    }


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return what was installed, replaced or removed."""
    return sorted(name for name in {**before, **after} if before.get(name) != after.get(name))


def failure(environment: Environment, problem: str, said: str) -> str:
    """Return the sentence about an installation that failed, with the end of what it ``said``."""
    return (
        f"{environment}.packages: installing into {environment.virtualenv} {problem}. This environment was left as it "
        f"was, the others were converged; mend it and run again.{quoted(lines(said, _SHOWN))}"
    )


def passwords(packages: Sequence[str]) -> list[str]:
    """Return the passwords in the addresses of ``packages``, which no output may have."""
    return [found for text in packages for found in re.findall(r"://(?:[^/@\s:]*:)?([^/@\s]+)@", text)]
