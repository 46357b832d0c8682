# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scripts in /etc/init.d start, those that Celery ships too (its generic-init.d). Decides; touches nothing."""

from __future__ import annotations

import re
from typing import Mapping

from ansible_collections.stalk.celery.plugins.module_utils._formats import _shell
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import INIT, SetUp

_WORKER = re.compile(r"CELERYD_NODES")
_BEAT = re.compile(r"CELERYBEAT_(?:OPTS|PID_FILE)")
_TOLD = re.compile(
    r"(?:CELERYD|CELERYBEAT)_(?:NODES|OPTS|LOG_FILE|LOG_LEVEL|PID_FILE|CHDIR|USER|GROUP|MULTI)|CELERY_(?:APP|BIN|CHDIR)"
    r"|CELERY_CREATE_(?:DIRS|LOGDIR|RUNDIR)|CELERYBEAT"
)


def defaults(name: str) -> tuple[str, ...]:
    """Return the files from which a script of that ``name`` has its settings, in the order in which it reads them."""
    files = ("celeryd", name) if "beat" in name else (name,)
    return tuple(f"{directory}/{file}" for directory in ("/etc/default", "/etc/sysconfig") for file in files)


def set_ups(name: str, script: str, texts: Mapping[str, str]) -> list[SetUp]:
    """Return what a script starts.

    :param script: its text.
    :param texts: the texts of the files with its settings, by path.
    """
    *others, last = _shell.commands("\n".join(texts.values()), {})
    known = last.variables
    own = {key: value for key, value in last.exported.items() if not _TOLD.fullmatch(key)}
    source = next(reversed(list(texts)), f"/etc/init.d/{name}")
    unknown = [("", " ".join(command.words)) for command in others]
    if _WORKER.search(script):
        found = [("CELERYD", _worker(known))]
    elif _BEAT.search(script):
        found = [("CELERYBEAT", _beat(known))]
    else:
        words = ("sh", f"/etc/init.d/{name}", "start")
        return [SetUp(INIT, name, f"/etc/init.d/{name}", f"/etc/init.d/{name}", words, variables=own)]
    return [
        SetUp(
            INIT,
            name,
            source,
            text=f"{prefix}_OPTS={known.get(f'{prefix}_OPTS', '')}",
            words=tuple(words),
            user=known.get(f"{prefix}_USER") or known.get("CELERYD_USER") or "celery",
            group=known.get(f"{prefix}_GROUP") or known.get("CELERYD_GROUP", ""),
            directory=known.get(f"{prefix}_CHDIR") or known.get("CELERYD_CHDIR", ""),
            variables=own,
            settings=tuple(unknown),
        )
        for prefix, words in found
    ]


def _worker(known: Mapping[str, str]) -> list[str]:
    program = known["CELERYD_MULTI"].split() if known.get("CELERYD_MULTI") else [*_celery(known), "multi"]
    log = ["--logfile=" + (known.get("CELERYD_LOG_FILE") or "/var/log/celery/%n%I.log")]
    level = ["--loglevel=" + (known.get("CELERYD_LOG_LEVEL") or "INFO")]
    nodes = (known.get("CELERYD_NODES") or "celery").split()
    return [*program, "start", *nodes, *log, *level, *known.get("CELERYD_OPTS", "").split()]


def _beat(known: Mapping[str, str]) -> list[str]:
    program = known["CELERYBEAT"].split() if known.get("CELERYBEAT") else [*_celery(known), "beat"]
    log = ["--logfile=" + (known.get("CELERYBEAT_LOG_FILE") or "/var/log/celery/beat.log")]
    level = ["--loglevel=" + (known.get("CELERYBEAT_LOG_LEVEL") or "INFO")]
    return [*program, *known.get("CELERYBEAT_OPTS", "").split(), *log, *level]


def _celery(known: Mapping[str, str]) -> list[str]:
    app = [f"--app={known['CELERY_APP']}"] if known.get("CELERY_APP") else []
    return [*(known.get("CELERY_BIN") or "celery").split(), *app]
