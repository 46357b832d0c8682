# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command line of somebody else's set-up starts: Celery with its options, behind whatever. Touches nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import Callable, Iterator, Mapping, Sequence

from ansible_collections.stalk.celery.plugins.module_utils._formats import _shell
from ansible_collections.stalk.celery.plugins.module_utils._plan import _multi

Read = Callable[[str], str]

_KINDS = ("worker", "beat", "flower")
_OLD = {"celeryd": "worker", "celerybeat": "beat", "celeryd-multi": "multi", "celeryd_multi": "multi"}
_LONG = {
    "-A": "--app",
    "-b": "--broker",
    "-n": "--hostname",
    "-c": "--concurrency",
    "-P": "--pool",
    "-Q": "--queues",
    "-X": "--exclude-queues",
    "-I": "--include",
    "-l": "--loglevel",
    "-f": "--logfile",
    "-s": "--schedule",
    "-E": "--task-events",
    "-B": "--beat",
    "-D": "--detach",
    "-C": "--no-color",
    "-q": "--quiet",
    "--events": "--task-events",
    "--maxtasksperchild": "--max-tasks-per-child",
    "--discard": "--purge",
    "--schedule-filename": "--schedule",
    "--logging": "--loglevel",
    "-L": "--loglevel",
}
_SCHEDULER = {"worker": "--statedb", "beat": "--scheduler"}  # -S
_WITHOUT_VALUE = ("--task-events", "--beat", "--detach", "--no-color", "--quiet", "--skip-checks", "--purge")
_ALSO_WITHOUT = ("--without-", "--disable-prefetch")
_VARIABLES = {
    "--broker": "CELERY_BROKER_URL",
    "--result-backend": "CELERY_RESULT_BACKEND",
    "--loader": "CELERY_LOADER",
    "--config": "CELERY_CONFIG_MODULE",
}
_OF_FLOWER = ("basic-auth", "auth", "auth-provider", "oauth2-key", "oauth2-secret", "oauth2-redirect-uri")
_VARIABLES_OF_FLOWER = {
    f"--{name}": f"FLOWER_{name.replace('-', '_').upper()}" for name in (*_OF_FLOWER, "cookie-secret", "broker-api")
}
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NICE = re.compile(r"(?:-n|--adjustment=|-)?(-?[0-9]{1,2})")
_DEEPEST = 4


@dataclass(frozen=True)
class Context:
    """What a command line finds when it is run, and what it says of itself on the way to Celery."""

    directory: str = ""
    user: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    nice: str = ""
    sourced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One worker, beat or Flower: the words in front of Celery's arguments, and these, each with its long name."""

    kind: str
    words: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    context: Context

    def option(self, *names: str) -> str:
        """Return the last value of an option, empty without."""
        return next((value for name, value in reversed(self.options) if name in names), "")

    @property
    def is_open(self) -> bool:
        """Whether there is something in it that only a shell could tell."""
        return any(map(_shell.is_open, (*self.words, *(value for _name, value in self.options))))


def calls(words: Sequence[str], context: Context, read: Read, depth: int = 0) -> list[Call]:
    """Return what ``words`` start. ``read`` gives the text of a script, nothing for what is none.

    Raises ValueError for a ``celery multi`` that cannot work.
    """
    words, context = _unwrapped(list(words), context)
    program = os.path.basename(words[0]) if words else ""
    if not words or depth > _DEEPEST:
        return []
    text = _text_of(program, words, context, read)
    found = _of_script(text, context, read, depth) if text else []
    if found:
        return found
    for index, word in enumerate(words):
        name = os.path.basename(word)
        if name in ("celery", "celery.__main__"):
            started = list(_started(tuple(words[: index + 1]), words[index + 1 :], context))
        elif name in _OLD or (name == "flower" and (not index or words[index - 1] == "-m")):
            kind = _OLD.get(name, "flower")
            started = list(_of_kind(kind, tuple(words[: index + 1]), words[index + 1 :], context))
        else:
            continue
        if started:
            return started
    return []


def _text_of(program: str, words: Sequence[str], context: Context, read: Read) -> str:
    """Return the script that ``words`` run: after a shell's -c, in a file that it reads, or in the program itself."""
    if program not in _SHELLS:
        is_celery = "celery" in program or "flower" in program
        text = "" if is_celery and len(words) > 1 else read(os.path.join(context.directory, words[0]))
        return text if re.match(r"#!.*\b(?:ba|da|k|z)?sh\b", text) else ""
    for index, word in enumerate(words[1:], 1):
        if re.fullmatch("-[a-z]*c", word):
            return words[index + 1] if index + 1 < len(words) else ""
        if not word.startswith("-"):
            return read(os.path.join(context.directory, word))
    return ""


def _of_script(text: str, context: Context, read: Read, depth: int) -> list[Call]:
    found: list[Call] = []
    sourced = list(context.sourced)
    for command in _shell.commands(text, context.variables, context.directory):
        here = replace(context, directory=command.directory, variables=command.exported, sourced=tuple(sourced))
        if command.words[:1] in ((".",), ("source",)):
            sourced += command.words[1:2]
        elif re.search("celery|flower", " ".join(command.words)):
            found += calls(command.words, here, read, depth + 1)
    return _distinct(found)


def _distinct(found: Sequence[Call]) -> list[Call]:
    """Without what a script says twice, as that of ``celery multi`` for a start and for a restart."""
    kept: dict[tuple[object, ...], Call] = {}
    for call in found:
        kept.setdefault((call.kind, call.options), call)
    return list(kept.values())


def _unwrapped(words: list[str], context: Context) -> tuple[list[str], Context]:
    """``words`` without the programs in front that do what a unit does, and what these say."""
    while words:
        program, rest = os.path.basename(words[0]), words[1:]
        if program == "env":
            words, own = _assigned(rest)
            context = replace(context, variables={**context.variables, **own})
        elif program in ("exec", "nohup", "setsid", "command"):
            words = rest
        elif program == "nice" and rest:
            adjusted = _NICE.fullmatch("".join(rest[:2]) if rest[0] == "-n" else rest[0])
            context = replace(context, nice=adjusted[1] if adjusted else "10")
            words = rest[(2 if rest[0] == "-n" else 1) if adjusted else 0 :]
        elif program in ("sudo", "runuser", "su") and rest:
            words, user = _as_user(program, rest)
            context = replace(context, user=user or context.user)
        else:
            return words, context
    return words, context


def _assigned(words: list[str]) -> tuple[list[str], dict[str, str]]:
    own: dict[str, str] = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals or not _NAME.fullmatch(name):
            return words[index:], own
        own[name] = value
    return [], own


def _as_user(program: str, words: list[str]) -> tuple[list[str], str]:
    """Return the command that ``sudo``, ``runuser`` or ``su`` runs, and as whom."""
    user, position = "", 0
    while position < len(words) and words[position].startswith("-"):
        word = words[position]
        position += 1
        if word == "--":
            break
        if word == "-c" and position < len(words):
            return ["sh", "-c", words[position]], (user or _plain(words[position + 1 :]))
        if word in ("-u", "--user", "-g", "-s") and position < len(words):
            user = words[position] if word in ("-u", "--user") else user
            position += 1
    if program == "su" or (program == "runuser" and not user):
        return _as_user("runuser", words[position + 1 :])[0], _plain(words[position:])
    return words[position:], user


def _plain(words: Sequence[str]) -> str:
    return next((word for word in words if not word.startswith("-")), "")


def _started(words: tuple[str, ...], arguments: Sequence[str], context: Context) -> Iterator[Call]:
    """Yield what ``celery`` with its ``arguments`` starts, which may have options in front of the subcommand."""
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if not argument.startswith("-"):
            if argument in (*_KINDS, "multi"):
                before = list(arguments[:position])
                yield from _of_kind(argument, words, arguments[position + 1 :], context, before)
            return
        takes_next = "=" not in argument and _LONG.get(argument, argument) not in _WITHOUT_VALUE
        position += 2 if takes_next and (argument.startswith("--") or len(argument) == len("-A")) else 1


def _of_kind(
    kind: str, words: tuple[str, ...], arguments: Sequence[str], context: Context, before: Sequence[str] = ()
) -> Iterator[Call]:
    if kind == "multi":
        verb = next((word for word in arguments if word in ("start", "restart")), "")
        position = arguments.index(verb) if verb else len(arguments)
        for own in _multi.nodes(arguments[position + 1 :]) if verb else []:
            yield from _of_kind("worker", words, own, context, [*before, *arguments[:position]])
        return
    options = [*_options("worker", before), *_options(kind, arguments)]
    variables = _VARIABLES_OF_FLOWER if kind == "flower" else {}
    named = {**_VARIABLES, **variables}
    lifted = {named[name]: value for name, value in options if name in named}
    directory = next((value for name, value in options if name == "--workdir"), "")
    yield Call(
        kind,
        words,
        tuple(option for option in options if option[0] not in (*named, "--workdir")),
        replace(
            context,
            directory=os.path.join(context.directory, directory) if directory else context.directory,
            variables={**context.variables, **lifted},
        ),
    )


def _options(kind: str, arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options with their values; a word that belongs to none has an empty name."""
    words = [word for argument in arguments for word in _apart(kind, argument)]
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not word.startswith("-") or word == "--":
            yield "", word
            continue
        name = _SCHEDULER.get(kind, name) if name == "-S" else _LONG.get(name, name)
        if kind == "flower":
            name = name.replace("_", "-")
        takes = not equals and name not in _WITHOUT_VALUE and not name.startswith(_ALSO_WITHOUT)
        if takes and position < len(words) and not words[position].startswith("-"):
            value = words[position]
            position += 1
        yield name, value


def _apart(kind: str, word: str) -> list[str]:
    """Return the parts of a word of letters and a value, ``-c4`` or ``-EBc4``; Flower's may have one hyphen."""
    if kind == "flower" and re.fullmatch("-[a-z_]{2,}(=.*)?", word, re.DOTALL):
        return [f"-{word}"]
    result = []
    while re.match("-[A-Za-z].", word, re.DOTALL):
        result.append(word[:2])
        if _LONG.get(word[:2]) not in _WITHOUT_VALUE:
            return [*result, word[2:].lstrip("=")]
        word = f"-{word[2:]}"
    return [*result, word]
