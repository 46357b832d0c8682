# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""celery_trial: what it says of a command line and an application that would not start."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan._trial import GUARD
from ansible_collections.stalk.celery.plugins.module_utils._plan._verdict import TRIED
from ansible_collections.stalk.celery.tests.unit.roles.celery_service.trial import DIRECTORY, Trial, attempt

pytestmark = pytest.mark.programs

APP = "from celery import Celery\napp = Celery('proj', broker='memory://')\n"
DJANGO = APP + "app.config_from_object('django.conf:settings', namespace='CELERY')\napp.autodiscover_tasks()\n"
TASK = APP + "@app.task({})\ndef work(): pass\n"
SCHEDULER = """
from celery.beat import Scheduler
class Models(Scheduler):
    class Entry:
        def __init__(self, model, app=None): pass
app.conf.beat_schedule = {'tick': {'task': 'proj.tick', 'schedule': 1.0}}
"""
BROKEN_ENTRY = "app.conf.beat_schedule = {'tick': {'tsk': 'proj.tick'}}\n"
UNSEEN = """
import os, sys
assert "PYTHONPATH" not in os.environ
assert not any(path.endswith("trial") for path in sys.path)
"""
TRACE = """
from celery import signals
for name in ('celeryd_init', 'worker_init', 'worker_ready', 'beat_init'):
    getattr(signals, name).connect(lambda **_: open('trace', 'w'), weak=False)
"""

Try = Callable[..., Trial]


def write(directory: Path, modules: dict[str, str]) -> None:
    for name, text in modules.items():
        path = directory / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.fixture
def try_app(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Return a function that writes modules into the working directory and tries ``celery <arguments>`` there."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)

    def run(modules: dict[str, str], arguments: str, **variables: str) -> Trial:
        write(tmp_path, modules)
        return attempt(tmp_path, arguments.split(), variables, tmp_path_factory.mktemp("trial") / "output")

    return run


@pytest.mark.parametrize(
    ("app", "arguments"),
    [
        pytest.param(APP, "worker --hostname=w1@%h --pool=threads -c 8 -Q high,low", id="worker"),
        pytest.param(APP, "worker --autoscale=10,2 --statedb=state --pidfile=pid", id="worker with options"),
        pytest.param(APP, "beat --schedule=schedule --pidfile=pid", id="beat"),
        pytest.param(APP + SCHEDULER, "beat --scheduler=proj:Models", id="beat with entries of its own kind"),
        pytest.param(APP, "multi start w1@%h --pidfile=pid --logfile=log --pool=solo", id="multi"),
        pytest.param(TASK.format("acks_late=True"), "worker", id="late acknowledgement"),
        pytest.param(APP, "flower --address=127.0.0.1 --port=5555 --db=flower --persistent=true", id="flower"),
    ],
)
def test_what_would_start_is_accepted_and_leaves_no_trace(
    try_app: Try, tmp_path: Path, app: str, arguments: str
) -> None:
    assert try_app({"proj": app + TRACE}, f"--app=proj {arguments}", REMAP_SIGTERM="").status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["proj.py"]


@pytest.mark.parametrize(
    ("modules", "arguments", "reason"),
    [
        pytest.param({}, "worker", "The module proj was not found", id="module"),
        pytest.param({"proj": APP + "1 / 0\n"}, "worker", "ZeroDivisionError: division by zero", id="error"),
        pytest.param({"proj": "import absent\n"}, "worker", "No module named 'absent'", id="import"),
        pytest.param({"proj": APP}, "worker --concurency=8", "--concurency", id="unknown option"),
        pytest.param({"proj": APP}, "worker --concurrency=many", "'many'", id="concurrency"),
        pytest.param({"proj": APP}, "worker --pool=rocket", "'rocket' is not one of", id="unknown pool"),
        pytest.param(
            {"proj": APP, "gevent/__init__": "raise ModuleNotFoundError('gevent is not installed')"},
            "worker --pool=gevent",
            "gevent is not installed",
            id="gevent",
        ),
        pytest.param({"proj": APP + "app.conf.worker_pool = 'absent:Pool'\n"}, "worker", "named 'absent'", id="pool"),
        pytest.param(
            {"proj": APP + "app.conf.task_create_missing_queues = False\n"},
            "worker --queues=absent",
            "Trying to select queue subset",
            id="queue",
        ),
        pytest.param({"proj": APP}, "worker --include=absent", "No module named 'absent'", id="include"),
        pytest.param(
            {"proj": APP + "app.conf.imports = ['tasks']\n", "tasks": "1 / 0\n"},
            "worker",
            "ZeroDivisionError: division by zero",
            id="imports",
        ),
        pytest.param(
            {"proj": APP + "app.autodiscover_tasks(['shop'])\n", "shop/__init__": "", "shop/tasks": "import absent\n"},
            "beat",
            "No module named 'absent'",
            id="discovered tasks",
        ),
        pytest.param({"proj": DJANGO}, "worker", "DJANGO_SETTINGS_MODULE", id="Django"),
        pytest.param({"proj": APP.replace("memory:", "sqs:")}, "worker", "No module named 'boto", id="broker"),
        pytest.param({"proj": APP + "app.conf.result_backend = 'mongodb://host'\n"}, "beat", "pymongo", id="results"),
        pytest.param({"proj": APP}, "beat --scheduler=absent.Scheduler", "No module named 'absent'", id="scheduler"),
        pytest.param({"proj": APP + BROKEN_ENTRY}, "beat", "'tsk'", id="entry of beat"),
        pytest.param({"proj": APP}, "worker --detach", "remove --detach", id="worker in the background"),
        pytest.param({"proj": APP}, "beat --detach", "remove --detach", id="beat in the background"),
        pytest.param({"proj": APP}, "flower --prot=5555", "No such option: --prot", id="unknown option of flower"),
        pytest.param({"proj": APP}, "flower --address=192.0.2.1", "Cannot assign requested address", id="address"),
        pytest.param({"proj": APP}, "flower --auth=*@*", "Invalid '--auth' option", id="OAuth"),
        pytest.param(
            {"proj": APP}, "flower --auth=a@b.c --auth-provider=flower.views.auth.Gihub", "'Gihub'", id="provider"
        ),
        pytest.param({"proj": APP + "app.conf.imports = ['absent']\n"}, "flower", "'absent'", id="imports of flower"),
        pytest.param({"proj": "import sys\nsys.exit(0)\n"}, "worker", "sys.exit(0)", id="exit 0"),
        pytest.param({"proj": "import sys\nsys.exit('no DSN')\n"}, "worker", "Exit: no DSN", id="its reason"),
        pytest.param({"proj": APP}, "worker --help", "with exit status 0, before it starts", id="help"),
        pytest.param({"proj": APP}, "purge --force", "No such command 'purge'", id="another command"),
    ],
)
def test_what_would_not_start_is_refused_with_the_reason(
    try_app: Try, modules: dict[str, str], arguments: str, reason: str
) -> None:
    trial = try_app(modules, f"--app=proj {arguments}")
    assert trial.status not in {0, None}
    assert reason in trial.output


def test_an_attribute_that_is_missing_is_not_called_a_module(try_app: Try) -> None:
    assert "Module 'proj' has no attribute 'live'" in try_app({"proj": APP}, "--app=proj:live worker").output


def test_a_soft_stop_is_refused_where_it_would_lose_tasks(try_app: Try) -> None:
    trial = try_app({"proj": TASK.format("")}, "--app=proj worker", REMAP_SIGTERM="SIGQUIT")
    assert trial.status == 2
    assert "acknowledged early: proj.work" in trial.output


@pytest.mark.parametrize(
    ("modules", "arguments", "warned"),
    [
        pytest.param({"proj": APP}, "worker --time-limit=301", True, id="option"),
        pytest.param({"proj": APP + "app.conf.task_time_limit = 301"}, "worker", True, id="setting"),
        pytest.param({"proj": APP}, "worker --time-limit=300", False, id="short enough"),
        pytest.param({"proj": APP}, "worker", False, id="no limit"),
    ],
)
def test_a_time_limit_that_is_longer_than_a_stop_waits(
    try_app: Try, modules: dict[str, str], arguments: str, warned: bool
) -> None:
    trial = try_app(modules, f"--app=proj {arguments}", STALK_CELERY_STOP_TIMEOUT="300")
    warning = "stalk.celery warns: its tasks may run for 301 s"
    assert (trial.status, f"\n{warning}" in trial.output) == (0, warned)


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Return a function that runs a command as a trial does, with the ``celery`` of these tests in its PATH."""

    def run(*argv: str, path: str = f"{DIRECTORY}", **variables: str) -> subprocess.CompletedProcess[str]:
        bin_directory = Path(sys.executable).parent
        environment = {"PATH": f"{bin_directory}:/usr/bin:/bin", "PYTHONPATH": path, **variables}
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60}
        return subprocess.run([*argv, GUARD], cwd=tmp_path, env=environment, check=False, **options)

    return run


@pytest.mark.parametrize(
    ("modules", "arguments", "status", "error"),
    [
        pytest.param({"proj": APP}, "worker --pool=gevent", 0, "", id="accepted"),
        pytest.param({"proj": APP}, "multi start w1@%h --pidfile=pid --pool=solo", 0, "", id="multi"),
        pytest.param(
            {"proj": "import threading\nthreading.Thread(target=input).start()\n1/0"}, "beat", 2, "1/0", id="threads"
        ),
        pytest.param(
            {"proj": UNSEEN + APP},
            "worker",
            0,
            "",
            id="the application sees nothing of it",
        ),
        pytest.param(
            {"proj": APP + "import sys\nprint('Loading model', end='', flush=True)\nsys.stdout = open('log', 'w')\n"},
            "worker",
            0,
            "",
            id="an application that ends no line, and has its output elsewhere",
        ),
        pytest.param(
            {"proj": APP, "path/flower": "raise ModuleNotFoundError(f'No module named {__name__}')\n"},
            "flower",
            1,
            "ModuleNotFoundError: No module named flower",
            id="flower is not installed",
        ),
    ],
)
def test_the_command_itself_is_tried(
    command: Command, tmp_path: Path, modules: dict[str, str], arguments: str, status: int, error: str
) -> None:
    write(tmp_path, modules)
    path = f"{DIRECTORY}:{tmp_path}/path" if "path/flower" in modules else f"{DIRECTORY}"
    done = command("celery", "--app=proj", *arguments.split(), path=path)
    assert (done.returncode, TRIED in done.stdout.splitlines()) == (status, not status), done.stderr
    assert error in done.stderr


WRAPPERS = {
    "a shell": '#!/bin/sh\nexec "$@"\n',
    "without arguments": "#!/bin/sh\nexec celery --app=proj worker\n",
    "another PYTHONPATH": """#!{python}
import os, sys
os.environ["PYTHONPATH"] = "other:" + os.environ["PYTHONPATH"]
os.execvp(sys.argv[1], sys.argv[1:])
""",
    "the command as a function": """#!{python}
import sys
from celery.bin.celery import celery
sys.exit(celery(args=sys.argv[2:]))
""",
    "the application's own": "#!{python}\nimport sys, proj\nproj.app.start(sys.argv[2:])\n",
}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
def test_a_program_in_front_of_celery(command: Command, tmp_path: Path, wrapper: str) -> None:
    write(tmp_path, {"proj": APP})
    script = tmp_path / "run"
    script.write_text(wrapper.replace("{python}", sys.executable))
    script.chmod(0o755)
    done = command(str(script), "celery", "--app=proj", "worker")
    assert (done.returncode, TRIED in done.stdout.splitlines()) == (0, True), done.stderr


@pytest.mark.parametrize("arguments", ["worker", "beat", "flower --address=192.0.2.1"])
def test_a_celery_that_does_not_load_the_trial_does_not_start(command: Command, tmp_path: Path, arguments: str) -> None:
    write(tmp_path, {"proj": APP})
    done = command("env", "-u", "PYTHONPATH", "celery", "--app=proj", *arguments.split())
    assert done.returncode not in {0, None}
    assert re.search("No such option.*--port|only-a-trial", done.stderr)
