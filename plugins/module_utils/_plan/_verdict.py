# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the outcome of a trial means, and what to write instead. Decides; touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _strangers
from ansible_collections.stalk.celery.plugins.module_utils._formats._envfile import without_secrets
from ansible_collections.stalk.celery.plugins.module_utils._plan import _exit_codes
from ansible_collections.stalk.celery.plugins.module_utils._plan._services import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import GUARD, Trial
from ansible_collections.stalk.celery.plugins.module_utils._plan._units import Unit

TRIED = "stalk.celery tried it"  # what celery_trial writes last
_WARNING = "stalk.celery warns: "
_CANNOT_WRITE = "stalk.celery cannot write: "
_OUTPUT_LINES = 40
_LINES_WITH_WARNINGS = 1000
_WARNINGS = 10
_JOURNAL_LINES = 10
_BLIND = re.compile("No such option:? '?{}\\b|{}".format(*GUARD.split("=")))
_PROGRAM = re.compile(r"\$\{?(CELERY_BIN|CELERY_COMMAND)\b\}?")
_NOT_EXECUTED = ("126", "127")  # of env(1)
_ENV = re.compile(r"(?m)^(?:/usr/bin/)?env: (?P<said>.*)$")
_NOISE = re.compile(
    r"Starting |Started |Stopped |Finished |Failed to start |.*: (Referenced but unset |Deactivated|Consumed|"
    r"Failed at step |Main process exited|Failed with result)"
)
_READ_ONLY = re.compile(r"\[Errno 30\][^\n]*?: '(?P<path>/[^'\n]*)'")
_VARYING = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass(frozen=True)
class Outcome:
    """How a trial ``ended``: its ``output``, its ``journal``, and what of the host the sandbox ``hidden`` from it.

    ``hidden`` is what leads there and where it leads.
    """

    ended: Unit
    output: str
    journal: str = ""
    hidden: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        return self.ended["ActiveState"] == "active" and TRIED in self.output.splitlines()


def warnings(trial: Trial, output: str) -> list[str]:
    """Return what ``trial`` warns of, in the lines of its ``output`` that say so, without a secret."""
    lines = _strangers.lines(without_secrets(output, trial.variables), _LINES_WITH_WARNINGS)
    texts = [line[len(_WARNING) :] for line in lines if line.startswith(_WARNING)][:_WARNINGS]
    return [f"{trial.service.variable}, {trial.service.name}: {text}" for text in texts]


def not_tried(trial: Trial) -> list[str]:
    """Return why ``trial`` cannot be carried out, as a warning; nothing if there is nothing to try."""
    if not trial.all("ExecStart"):
        return []
    where = f" ({', '.join(trial.changed_by)})" if trial.changed_by else ""
    return [
        f"{trial.service.variable}, {trial.service.name}: was not tried, since ExecStart= runs something else than "
        f"celery, or runs it with other privileges{where}."
    ]


def failure(trial: Trial, outcome: Outcome) -> list[str]:
    """Return why ``trial`` failed, without a secret; nothing if it did not."""
    if outcome.is_success:
        return []
    text = without_secrets(outcome.output.replace(f"{trial.directory}/", ""), trial.variables)
    lines = [line for line in text.splitlines() if not line.startswith((_WARNING, _CANNOT_WRITE))]
    reason = _of_systemd(trial, outcome) or _of_command(trial, outcome, text) or _of_app(trial, outcome, text)
    left_out = "".join(f" The drop-in {path} has other things run before it or instead." for path in trial.changed_by)
    said = _strangers.quoted(_strangers.lines("\n".join(lines), _OUTPUT_LINES))
    return [f"{reason}{left_out} Nothing was changed. The last lines it wrote:{said or ' none'}"]


def _of_systemd(trial: Trial, outcome: Outcome) -> str:
    """Return what systemd could not do before the command ran, or instead of it."""
    ended = outcome.ended
    name = _exit_codes.name(ended["ExecMainStatus"]) if ended["Result"] == "exit-code" else ""
    if not name and (
        ended["Result"] in ("", "exit-code", "success", "signal", "timeout", "core-dump", "oom-kill") or outcome.output
    ):
        return ""
    status = f"{ended['ExecMainStatus']}/{name}" if name else ended["Result"]
    hint = _hidden(trial.service, outcome.hidden) or _exit_codes.hint(ended["ExecMainStatus"])
    if ended["Result"] == "resources":
        hint = "A file that EnvironmentFile= of the unit or of a drop-in names does not exist or is not valid UTF-8."
    said = " ".join(_reasons(trial, outcome.journal))
    return (
        f"systemd cannot start the service with the new configuration ({status}). {hint} "
        f"It is set in {trial.service.variable}, not in the code. systemd says: {said or 'nothing'}"
    ).rstrip(".") + "."


def _reasons(trial: Trial, journal: str) -> list[str]:
    """Return the lines of systemd's own about ``trial`` that say why, each once."""
    lines = without_secrets(journal, trial.variables).replace(trial.name, trial.service.unit).splitlines()
    told = [line.strip().replace("/run/systemd/unit-root", "") for line in lines if not _NOISE.match(line)]
    return [_strangers.text(line) for line in dict.fromkeys(told) if line][:_JOURNAL_LINES]


def _hidden(service: Service, hidden: Mapping[str, str]) -> str:
    return " ".join(
        f"{what} leads to {path}, which the sandbox hides: set "
        f"'sandbox: {{BindReadOnlyPaths: {path}}}' in {service.variable}, or ProtectHome: read-only."
        for what, path in hidden.items()
    )


def _of_command(trial: Trial, outcome: Outcome, text: str) -> str:
    """Return why the command was not celery, or did not load what tries it."""
    service, status = trial.service, outcome.ended["ExecMainStatus"]
    said = _ENV.search(text)
    if said and status in _NOT_EXECUTED:
        return (
            f"with the new configuration {_begin(trial)} cannot be executed ({_strangers.text(said['said'])}), with "
            f"'virtualenv: {service.virtualenv}'. {_hidden(service, outcome.hidden) or _unexecutable(service)}"
        )
    if _BLIND.search(text):
        return (
            f"{_begin(trial)} starts a Celery that does not see PYTHONPATH (-I or -E in the first line of a script, or "
            "a program that clears the environment), so that nothing of this collection can be loaded into it; "
            f"correct it, or 'virtualenv' of {service.variable}."
        )
    if outcome.ended["ActiveState"] == "active":
        return (
            f"{_begin(trial)} ended without having run celery 5 or later in the foreground; correct it, or "
            f"'virtualenv' of {service.variable}, or what in {service.directory} ends the process when it is imported."
        )
    return ""


def _begin(trial: Trial) -> str:
    """Return the program, as the unit and its variables name it."""
    named = _PROGRAM.sub(lambda found: trial.variables.get(found[1], found[0]), trial.command.split(" --", 1)[0])
    return f"the command {_strangers.text(named)!r}"


def _unexecutable(service: Service) -> str:
    return (
        f"The user {service.user!r} may not enter its directory or execute it or its interpreter, its file system is "
        f"mounted with noexec, or the sandbox hides it: if it works outside of the unit, set 'sandbox: {{ProtectHome: "
        f"read-only}}' in {service.variable}."
    )


def _of_app(trial: Trial, outcome: Outcome, text: str) -> str:
    """Return why celery did not get to the end with the application."""
    service, ended = trial.service, outcome.ended
    app = trial.variables.get("CELERY_APP", "")
    if ended["Result"] == "timeout":
        return (
            f"the app {app!r} was not imported within {trial.start_timeout:g} s; raise start_timeout of "
            f"{service.variable} if it needs longer, or see what it waits for."
        )
    closed = _READ_ONLY.search(text)
    if closed:
        return (
            f"the app {app!r} writes to {_strangers.text(closed['path'])} when it is imported, which the sandbox "
            f"closes; add its directory to write_paths of {service.variable}."
        )
    reason = ended.ending or ended["LoadError"] or str(ended)
    return (
        f"the app {app!r} does not start with the new configuration ({reason}); correct {service.variable}, or the "
        f"code in {service.directory}."
    )


def grouped(failures: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the same text for units whose failures differ in numbers only, as of processes and addresses."""
    first: dict[str, str] = {}
    return {
        unit: [first.setdefault(_VARYING.sub("0", text), text) for text in texts] for unit, texts in failures.items()
    }
