# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a command line of Celery without starting anything.

Celery loads this module through its plugin group ``celery.commands`` where the directory of the module is in
PYTHONPATH, whatever started Celery. From then on ``celery --app=proj worker --pool=gevent`` goes as far as it does
before it makes the worker's parts: it patches for gevent and eventlet, parses all options, imports the application with
its tasks, and finds queues, broker transport, result backend, pool, scheduler and the address of Flower. It connects to
nothing, writes nothing and sends none of the worker's signals. Exit status 0: it would start, and the last line says
so; otherwise stderr says why not. STALK_CELERY_STOP_TIMEOUT in the environment is how many seconds a stop waits for
running tasks.

The last argument is one that no command of Celery takes. Here it is taken away; a Celery that does not load this module
refuses it, and starts nothing either.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, Callable, NoReturn

import celery_writes
import click

HERE = os.path.dirname(os.path.abspath(__file__))
GUARD = "--port=only-a-trial"
TRIED = "stalk.celery tried it"


class WouldStartError(BaseException):
    """The program came to where it would start, which ends a trial. No handler of an application's is to see it."""


def find_app(name: str) -> Any:
    """Find the application as Celery does. Raises AttributeError where Celery calls ``module:attribute`` a module."""
    from celery.app.utils import find_app as find

    try:
        return find(name)
    except ModuleNotFoundError as error:
        module, colon, attribute = name.partition(":")
        if colon and error.name == name:
            raise AttributeError(f"module {module!r} has no attribute {attribute!r}") from None
        raise


def refuse_detach(*_: object, **__: object) -> NoReturn:
    """Stand for what runs a program in the background."""
    raise click.UsageError("remove --detach: systemd watches the process that it starts")


def find_connections(app: Any) -> tuple[Any, ...]:
    """Return what talks to the broker and to the result backend. Raises what Celery raises if it is not installed."""
    return app.connection_for_read().transport, app.connection_for_write().transport, app.backend


def refuse_early_acks(app: Any) -> None:
    """Stop if a soft shutdown would lose tasks: it gives back to the broker only those that are acknowledged late."""
    early = sorted(name for name, task in app.tasks.items() if not (name.startswith("celery.") or task.acks_late))
    if early:
        raise click.UsageError(
            f"stop: soft would lose running tasks that are acknowledged early: {', '.join(early)}. "
            "Set task_acks_late = True in the application, if its tasks are idempotent, or write stop: warm."
        )


def warn_of_time_limit(limit: float | None, stop_timeout: float) -> None:
    """Print a warning if a task may outlive stop_timeout; a line with this prefix becomes a warning."""
    if limit and limit > stop_timeout:
        celery_writes.say(
            f"stalk.celery warns: its tasks may run for {limit:g} s (time_limit, or task_time_limit of the app), "
            f"but a stop waits for {stop_timeout:g} s: a restart can kill a task. "
            "Make stop_timeout longer than the time limit."
        )


def as_worker(arguments: list[str]) -> list[str]:
    """Return the command line of the worker that ``celery multi start NODE`` runs; others as they are."""
    if "multi" not in arguments:
        return arguments
    position = arguments.index("multi")
    _start, node, *options = arguments[position + 1 :]
    return [*arguments[:position], "worker", f"--hostname={node}", *options]


def replace_flower() -> None:
    """Let the command ``flower`` try what it would run."""
    from celery.utils.imports import symbol_by_name
    from flower import command
    from tornado.netutil import bind_sockets

    is_known = command.is_flower_option

    def refuse_unknown(argument: str) -> bool:
        if not is_known(argument):
            raise click.UsageError(f"No such option: {argument.partition('=')[0]}")
        return True

    class TrialFlower:
        def __init__(self, capp: Any, options: Any, **_settings: Any) -> None:
            self.options = options
            capp.loader.import_default_modules()
            find_connections(capp)

        def start_http_server(self) -> None:
            """Listen nowhere."""

        def start(self) -> NoReturn:
            """Find the address, but not the port, which the running Flower has, and what logs users in."""
            for socket in bind_sockets(0, address=self.options.address):
                socket.close()
            if self.options.auth_provider:
                symbol_by_name(self.options.auth_provider)
            raise WouldStartError

        def stop(self) -> None:
            """Stop nothing."""

    for name, replacement in (("is_flower_option", refuse_unknown), ("Flower", TrialFlower)):
        setattr(command, name, replacement)


def replace_programs() -> None:
    """Let the commands ``worker`` and ``beat`` try what they would run, and take all others but ``flower`` away."""
    from celery.apps import beat, worker
    from celery.beat import ScheduleEntry
    from celery.bin import beat as beat_command
    from celery.bin import celery as command
    from celery.bin import worker as worker_command
    from celery.worker import WorkController

    class TrialWorker(WorkController):
        app: Any
        time_limit: float | None
        statedb: Any
        logfile: Any
        exitcode = 0

        def __init__(self, queues: Any, exclude_queues: Any, include: Any, **options: Any) -> None:
            self.app.loader.init_worker()
            self.setup_defaults(**options)
            warn_of_time_limit(self.time_limit, float(os.environ.get("STALK_CELERY_STOP_TIMEOUT", "inf")))
            self.setup_queues(queues, exclude_queues)
            self.setup_includes(include)
            if os.environ.get("REMAP_SIGTERM") == "SIGQUIT":
                refuse_early_acks(self.app)
            celery_writes.tell(self.app, {"statedb": self.statedb, "log_file": self.logfile})
            find_connections(self.app)

        def start(self) -> NoReturn:
            """Start nothing."""
            raise WouldStartError

    class TrialBeat(beat.Beat):
        app: Any
        schedule: Any
        logfile: Any
        scheduler_cls: Any

        def start_scheduler(self) -> NoReturn:
            """Make the scheduler and its entries, but do not schedule."""
            service = self.Service(app=self.app, scheduler_cls=self.scheduler_cls, schedule_filename=self.schedule)
            service.get_scheduler(lazy=True)
            for name, entry in self.app.conf.beat_schedule.items():
                ScheduleEntry(**dict(entry, name=name, app=self.app))
            celery_writes.tell(self.app, {"schedule": self.schedule, "log_file": self.logfile})
            find_connections(self.app)
            raise WouldStartError

    commands = command.celery.commands
    tried = {name: commands[name] for name in ("worker", "beat", "flower") if name in commands}
    for place, name, replacement in (
        (worker, "Worker", TrialWorker),
        (beat, "Beat", TrialBeat),
        (worker_command, "detach", refuse_detach),
        (beat_command, "detached", refuse_detach),
        (command, "find_app", find_app),
        (command.celery, "commands", tried),
    ):
        setattr(place, name, replacement)


def leave_no_trace() -> None:
    """Make the path of modules what it is without a trial."""
    rest = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry != HERE]
    os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    if not rest:
        del os.environ["PYTHONPATH"]
    sys.path[:] = [entry for entry in sys.path if entry != HERE]


def prepare() -> None:
    """Let the commands of Celery try. ``multi`` becomes the worker that it would run, in a Python of its own."""
    if "multi" in sys.argv:
        arguments = [sys.executable, "-m", "celery", *as_worker(sys.argv[1:])]
        sys.stdout.flush()
        os.execv(sys.executable, arguments)
    leave_no_trace()
    replace_programs()
    if "flower" in sys.argv:
        replace_flower()


def is_of_click(stop: SystemExit) -> bool:
    """Return whether Click ended the process, which says why, and not the application."""
    *_others, (frame, _line) = traceback.walk_tb(stop.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith("click.")


def attempt(command: Callable[[], object]) -> int:
    """Run ``command`` and return the exit status."""
    try:
        prepare()
        command()
    except WouldStartError:
        return 0
    except SystemExit as stop:
        if not is_of_click(stop):
            traceback.print_exc()
        status = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        if status:
            return status
    except BaseException:
        traceback.print_exc()
        return 1
    print("The process ends here, with exit status 0, before it starts anything.", file=sys.stderr)
    return 1


def replace(**methods: Any) -> None:
    """Give all commands other ``methods``."""
    for name, method in methods.items():
        setattr(click.Command, name, method)


def take_over() -> None:
    """Let the first command that runs from now on be a trial, at the end of which the process ends with its threads."""
    parse_args, main = click.Command.parse_args, click.Command.main

    def parse_without_guard(self: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
        return parse_args(self, ctx, [argument for argument in args if argument != GUARD])

    def tried(self: click.Command, *args: Any, **kwargs: Any) -> NoReturn:
        replace(main=main)
        status = attempt(lambda: main(self, *args, **{**kwargs, "standalone_mode": True}))
        if status == 0:
            celery_writes.say(TRIED)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    replace(parse_args=parse_without_guard, main=tried)


take_over()


@click.command()
def trial() -> None:
    """Do nothing: to be loaded is all that this command is for."""
