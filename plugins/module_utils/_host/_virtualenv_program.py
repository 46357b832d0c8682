# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that the module ``virtualenvs`` runs as an environment's user. What it prints is a stranger's answer.

It is sent as text and imports nothing but the standard library. It takes a request and prints one line of JSON.
"""

from __future__ import annotations

import glob
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    Popen = subprocess.Popen[bytes]
else:
    Popen = subprocess.Popen

Request = Dict[str, Any]

_BASIC = ("pip", "setuptools", "wheel", "pkg_resources", "distribute")
_OF_VENV = {"bin", "include", "lib", "lib64", "share", "pyvenv.cfg", ".gitignore", ".lock", "CACHEDIR.TAG"}
_MODULES = (
    "import importlib.util, json; "
    "print(json.dumps([name for name in ('venv', 'ensurepip') if not importlib.util.find_spec(name)]))"
)
_SYSTEM = re.compile(r"(?m)^include-system-site-packages\s*=\s*true\b")
_WOULD = re.compile(r"(?m)^ [+~] (\S+)")
_PATIENCE = 30  # seconds that an interpreter may take to say what it has
_KEPT = 2**15  # characters of output


class Session(Popen):
    """A command in a session of its own, with nothing to read."""

    def __init__(self, command: list[str], errors: int) -> None:
        super().__init__(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )


def main(request: Request) -> None:
    """Do what ``request`` asks for."""
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["home"] if os.access(request["home"], os.X_OK) else "/")
    answer = {"look": look, "install": install, "list": distributions}[request["do"]](request)
    sys.stdout.write(json.dumps(answer))


def look(request: Request) -> dict[str, Any]:
    """Return what there is, and what is in the way."""
    python = shutil.which(request["python"]) or ""
    return {
        "uv": shutil.which("uv") or "",
        "python": python,
        "lacks": lacking(python) if python else [],
        "state": state(request["virtualenv"]),
        "leads": os.path.realpath(os.path.join(request["virtualenv"], "bin/python")),
        "clear": may_be_cleared(request["virtualenv"]),
        "exists": os.path.isdir(request["virtualenv"]),
        "pip": has_pip(request["virtualenv"]),
        "blocked": blocked(request["virtualenv"]),
        "missing": [path for path in request["files"] if not os.path.exists(path)],
        "unreadable": [path for path in request["files"] if os.path.exists(path) and not os.access(path, os.R_OK)],
        "distributions": distributions(request),
    }


def lacking(python: str) -> list[str]:
    """Return those of the modules that a virtual environment needs that an interpreter does not have."""
    try:
        with Session([python, "-I", "-c", _MODULES], subprocess.DEVNULL) as process:
            try:
                return [str(name) for name in json.loads(process.communicate(timeout=_PATIENCE)[0])]
            finally:
                process.kill()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []


def state(virtualenv: str) -> str:
    """Return what is at a path: absent, foreign, incomplete, broken or complete."""
    is_conda = os.path.isdir(os.path.join(virtualenv, "conda-meta"))
    has_configuration = os.path.exists(os.path.join(virtualenv, "pyvenv.cfg")) or is_conda
    if not has_configuration:
        return "foreign" if glob.glob(f"{glob.escape(virtualenv)}/bin/python*") else "absent"
    if not is_conda and not os.path.exists(os.path.join(virtualenv, "bin/activate")) and not installed(virtualenv):
        return "incomplete"
    return "complete" if os.access(os.path.join(virtualenv, "bin/python"), os.X_OK) else "broken"


def has_pip(virtualenv: str) -> bool:
    """Return whether its interpreter finds pip, its own or the system's."""
    own = glob.glob(f"{glob.escape(virtualenv)}/lib/python*/site-packages/pip/__main__.py")
    return bool(own) or bool(_SYSTEM.search(read(os.path.join(virtualenv, "pyvenv.cfg"))))


def may_be_cleared(virtualenv: str) -> bool:
    """Return whether nothing is in it but what a virtual environment has that was not finished."""
    return state(virtualenv) == "incomplete" and set(os.listdir(virtualenv)) <= _OF_VENV


def installed(virtualenv: str) -> list[str]:
    """Return the distributions beyond those that every virtual environment has."""
    names = [os.path.basename(path).split("-")[0] for path in metadata(virtualenv)]
    return [name for name in names if name.lower() not in _BASIC]


def metadata(virtualenv: str) -> list[str]:
    """Return the directories or files that describe distributions."""
    places = site_packages(virtualenv)
    return sorted(
        path
        for place in places
        for shape in ("*.dist-info", "*.egg-info", "*.egg-link")
        for path in glob.glob(os.path.join(glob.escape(place), shape))
    )


def site_packages(virtualenv: str) -> list[str]:
    """Return the directories of the distributions."""
    return glob.glob(f"{glob.escape(virtualenv)}/lib/python*/site-packages")


def distributions(request: Request) -> dict[str, str]:
    """Name and version of each distribution, and what differs when its content does."""
    return {os.path.splitext(os.path.basename(path))[0]: fingerprint(path) for path in metadata(request["virtualenv"])}


def fingerprint(path: str) -> str:
    """Return what differs for other content of a distribution, its version apart."""
    texts = [read(os.path.join(path, name)) for name in ("RECORD", "direct_url.json")]
    lines = sorted(line for text in texts for line in text.splitlines() if ".pyc," not in line)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()[:16]


def blocked(virtualenv: str) -> str:
    """Return the directory in which the user would have to write and cannot, with its owner."""
    for path in site_packages(virtualenv) or [nearest(virtualenv)]:
        if not os.path.isdir(path) or not os.access(path, os.W_OK | os.X_OK):
            return f"{path} ({owner(path)})"
    return ""


def nearest(path: str) -> str:
    """Return the nearest part of a path that exists."""
    while not os.path.lexists(path) and path != "/":
        path = os.path.dirname(path)
    return path


def owner(path: str) -> str:
    """Owner, group and mode."""
    status = os.stat(path)
    names = [named(pwd.getpwuid, status.st_uid), named(grp.getgrgid, status.st_gid)]
    return f"{':'.join(names)} {status.st_mode & 0o7777:04o}"


def named(lookup: Any, number: int) -> str:
    """Return the name of a user or group, or the number where it has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def install(request: Request) -> dict[str, Any]:
    """Make the virtual environment if that is asked for, and install what the requirements say."""
    if not request["dry"]:
        mend(request["virtualenv"])
    problem, said = "", ""
    would: list[str] = []
    for command in filter(None, (request["create"], request["install"] if request["requirements"] else None)):
        problem, said, would = carry_out(command, request)
        if problem:
            break
    return {"problem": problem, "said": said, "would": would, "after": distributions(request)}


def mend(virtualenv: str) -> None:
    """Forget the distributions that an installer was killed at: they count as installed, and are not there."""
    for path in metadata(virtualenv):
        is_whole = not os.path.isdir(path) or {"RECORD", "INSTALLER"} & {*os.listdir(path)}
        if not is_whole and path.endswith(".dist-info") and not os.path.isdir(os.path.join(virtualenv, "conda-meta")):
            shutil.rmtree(path)


def carry_out(command: list[str], request: Request) -> tuple[str, str, list[str]]:
    """Run a command, with the requirements in a file that only the user reads.

    Returns why it failed, the end of what it wrote, and what it would install if it was to tell that.
    """
    with tempfile.TemporaryDirectory() as directory:
        files = {name: os.path.join(directory, f"{name.lower()}.txt") for name in ("REQUIREMENTS", "REPORT")}
        with open(files["REQUIREMENTS"], "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in request["requirements"]))
        process = Session([files.get(word, word) for word in command], subprocess.STDOUT)
        output = Output(process)
        problem = wait(process, output, request["idle"])
        return problem, output.kept, _WOULD.findall(output.kept) + reported(files["REPORT"])


def reported(path: str) -> list[str]:
    """Return the distributions in pip's report."""
    try:
        found = [item["metadata"] for item in json.loads(read(path))["install"]]
        return [f"{metadata['name']}=={metadata['version']}" for metadata in found]
    except (KeyError, TypeError, ValueError):
        return []


class Output:
    """The end of what a process writes."""

    def __init__(self, process: Any) -> None:
        self.kept = ""
        self.size = 0
        self._stream = process.stdout
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while True:
            chunk = os.read(self._stream.fileno(), 65536)
            if not chunk:
                return
            self.size += len(chunk)
            self.kept = (self.kept + chunk.decode("utf-8", "replace"))[-_KEPT:]


def wait(process: Any, output: Output, idle: float) -> str:
    """Wait for a process: why it failed, if it did. One that neither writes nor computes for so long is given up."""
    seen, since = (-1, -1), time.monotonic()
    while True:
        try:
            code = process.wait(1)
            output.reader.join(1)
            return f"ended with {code}" if code else ""
        except subprocess.TimeoutExpired:
            now = (output.size, computed(process.pid))
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > idle:
            return f"has neither written nor computed anything for {idle:g} s"


def computed(session: int) -> int:
    """Return the processor time that the processes of a session have used, in ticks."""
    rows = [read(path).rpartition(")")[2].split() for path in glob.glob("/proc/[0-9]*/stat")]
    return sum(sum(map(int, row[11:15])) for row in rows if row[3:4] == [str(session)])


def read(path: str) -> str:
    """Return the text of a file that may be gone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main(json.load(sys.stdin))
