# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import json
import os
import pwd
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.stalk.celery.plugins.module_utils._host import _archive, _processes, _takeover
from ansible_collections.stalk.celery.plugins.module_utils._plan._adoption import Service
from ansible_collections.stalk.celery.plugins.module_utils._plan._calls import Call, Context
from ansible_collections.stalk.celery.plugins.module_utils._plan._process import Process
from ansible_collections.stalk.celery.plugins.module_utils._plan._setups import SetUp

from .conftest import Manager, Run

pytestmark = pytest.mark.programs

W1, W2 = "celery-live-w1.service", "celery-live-w2.service"
PROGRAM = json.dumps({"trial.py": "the script", "trial.dist-info/METADATA": ""})
FAILED = {"ActiveState": "failed", "Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "1"}
UNIT_TEXT = """\
# Managed by stalk.celery: live/worker/w1.
[Service]
Type=notify
EnvironmentFile={}
ExecStart=/usr/bin/env ${{CELERY_BIN}} --app=${{CELERY_APP}} worker $CELERYD_OPTS
"""
ENVIRONMENT = """\
# Managed by stalk.celery: live/worker/w1.
CELERY_APP="proj.celery:app"
BROKER_URL="redis://live:hunter2@broker/1"
MY_TOKEN="t0ken with \\"quotes\\""
"""


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a user without privileges that exists."""
    return next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid)


class Project:
    """The directory and the virtual environment of a project, and the options for services that run it."""

    def __init__(self, directory: Path, accounts: dict[str, str], user: str) -> None:
        self.directory = directory / "project"
        self.celery = self.directory / ".venv/bin/celery"
        self.celery.parent.mkdir(parents=True)
        self.celery.write_text("")
        self.celery.chmod(0o755)
        self.etc = directory / "etc"
        self._accounts = accounts
        self._user = user

    def service(self, unit: str = W1, **options: Any) -> dict[str, Any]:
        return {
            "unit": unit,
            "environment": "live",
            "name": unit.split("-")[2].split(".")[0],
            "user": self._user,
            "group": "no-such-group",
            "directory": str(self.directory),
            "virtualenv": str(self.directory / ".venv"),
            **options,
        }

    def files(self, *units: str, environment: str = ENVIRONMENT) -> list[dict[str, Any]]:
        return [
            {"path": str(self.etc / name), "content": content, "unit": unit, "secret": secret, **self._accounts}
            for unit in units or (W1,)
            for name, content, secret in (
                (unit, UNIT_TEXT.format(self.etc / f"{unit}.conf"), False),
                (f"{unit}.conf", environment, True),
            )
        ]


@pytest.fixture
def project(tmp_path: Path, accounts: dict[str, str], user: str) -> Project:
    return Project(tmp_path, accounts, user)


def test_a_configuration_that_works(run: Run, manager: Manager, project: Project) -> None:
    result = run("look", files=project.files(), services=[project.service()])
    assert (result["changed"], result["problems"], result["tried"]) == (False, [], [W1])
    assert not project.etc.exists()


def test_without_privileges(run: Run, manager: Manager, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "set 'become: true'" in problem


def test_without_systemd(run: Run, manager: Manager, project: Project) -> None:
    manager.transient.rmdir()
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "not booted by systemd" in problem


@pytest.mark.parametrize("version", ["systemd 246 (246.1)\n", "systemd 9\n", "elogind 252\n"])
def test_an_old_systemd(run: Run, manager: Manager, project: Project, version: str) -> None:
    manager.version(version)
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "the services need 247 or later" in problem


def test_a_foreign_file(run: Run, manager: Manager, project: Project) -> None:
    project.etc.mkdir()
    (project.etc / W1).write_text("# by hand\n")
    (problem,) = run("look", files=project.files(), services=[])["problems"]
    assert f"{project.etc / W1} exists and was not written by stalk.celery" in problem


def test_what_not_even_root_can_change(
    run: Run, manager: Manager, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands for chattr +i and a file system that is mounted read-only, where the kernel says no to root too."""
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode, **more: not more.get("dir_fd") and access(path, mode, **more))
    (problem,) = run("look", files=project.files(), services=[])["problems"]
    place, first = project.etc.parent, project.etc / W1
    assert problem.startswith(f"{first} and 1 more cannot be changed, not even by root: {place} is immutable")
    assert f"Run 'chattr -i {place}'" in problem


def test_two_runs_do_not_try_a_service_at_the_same_time(
    run: Run, manager: Manager, project: Project, stamps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    waited: list[int] = []
    (stamps / "try").mkdir(parents=True)
    path = stamps / "try" / f"{W1}.lock"
    with path.open("w") as other:
        flock(other, fcntl.LOCK_EX)

        def wait(descriptor: int, operation: int) -> None:
            """Let the other run end when this one waits for it."""
            if not waited:
                with pytest.raises(BlockingIOError):
                    flock(descriptor, operation | fcntl.LOCK_NB)
                waited.append(descriptor)
                path.unlink()
                flock(other, fcntl.LOCK_UN)
            flock(descriptor, operation)

        monkeypatch.setattr("fcntl.flock", wait)
        assert run("look", files=project.files(), services=[project.service()])["tried"] == [W1]
    assert waited


def test_missing_code_is_told_once_for_all_services(run: Run, manager: Manager, project: Project) -> None:
    services = [project.service(unit, directory="/no/code", virtualenv="/no/venv") for unit in (W1, W2)]
    result = run("look", files=project.files(W1, W2), services=services)
    assert result["problems"] == [
        "celery_live/w1, celery_live/w2: the directory /no/code does not exist; deploy the code there, "
        "or correct 'directory' of celery_live.",
        "celery_live/w1, celery_live/w2: /no/venv has no bin/celery that can be executed: it is not there, its mode "
        "has no x, or its file system is mounted with noexec; install celery there, or correct 'virtualenv' of "
        "celery_live, or set its 'packages'.",
    ]
    assert result["tried"] == []


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what the module warns of."""
    texts: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: texts.append(text))
    return texts


def test_missing_code_is_a_warning_in_check_mode(
    run: Run, manager: Manager, project: Project, warnings: list[str]
) -> None:
    services = [project.service(directory="/no/code", virtualenv="/no/venv")]
    result = run("look", check=True, files=project.files(), services=services)
    assert result["problems"] == []
    assert len(warnings) == 2


def test_a_celery_that_cannot_be_executed(run: Run, manager: Manager, project: Project) -> None:
    project.celery.chmod(0o644)
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "has no bin/celery that can be executed" in problem


def test_a_virtual_environment_that_is_not_complete_yet(run: Run, manager: Manager, project: Project) -> None:
    services = [{**project.service(virtualenv="/not/yet"), "try": False}]
    result = run("look", files=project.files(), services=services)
    assert (result["problems"], result["tried"]) == ([], [])


def test_a_service_of_root(run: Run, manager: Manager, project: Project) -> None:
    (problem,) = run("look", files=project.files(), services=[project.service(user="root")])["problems"]
    assert problem == "celery_live/w1: the user 'root' is root; set 'user' of celery_live to one without privileges."


def test_only_what_changes_is_tried(run: Run, manager: Manager, project: Project) -> None:
    files = project.files(W1, W2)
    project.etc.mkdir()
    for file in files[:2]:
        Path(file["path"]).write_text(file["content"])
    services = [project.service(W1), project.service(W2)]
    assert run("look", files=files, services=services)["tried"] == [W2]
    assert run("look", files=files[:2], services=services[:1])["tried"] == []


def test_everything_that_runs_is_tried_if_that_is_asked_for(run: Run, manager: Manager, project: Project) -> None:
    files = project.files(W1, W2)
    project.etc.mkdir()
    for file in files:
        Path(file["path"]).write_text(file["content"])
    manager.running(W2)
    services = [project.service(W1), project.service(W2)]
    assert run("look", files=files, services=services)["tried"] == []
    assert run("look", files=files, services=services, everything=True)["tried"] == [W2]


def test_nothing_is_tried_in_check_mode(run: Run, manager: Manager, project: Project) -> None:
    assert run("look", check=True, files=project.files(), services=[project.service()])["tried"] == []
    assert manager.calls == [f"show {W1}"]


def test_the_trial_runs_in_the_context_of_the_new_unit(
    run: Run, manager: Manager, project: Project, stamps: Path
) -> None:
    """What its user has to read can be read, whatever the umask of root is."""
    before = os.umask(0o077)
    try:
        run("look", files=project.files(), services=[project.service()], _script=PROGRAM)
    finally:
        os.umask(before)
    seen = manager.seen(W1)
    directory = stamps / "try" / W1
    assert seen["environment"] == ENVIRONMENT
    assert seen["modes"] == ["0o600", "0o644", "0o755", "0o711", "0o755", "0o755"]
    assert f"EnvironmentFile={directory}/file-0\n" in seen["unit"]
    assert (
        f"ExecStart=/usr/bin/env PYTHONPATH={directory}/path /usr/bin/env ${{CELERY_BIN}} --app=${{CELERY_APP}} worker "
        "$CELERYD_OPTS --port=only-a-trial\n"
    ) in seen["unit"]


def test_nothing_is_left_of_a_trial(run: Run, manager: Manager, project: Project, stamps: Path) -> None:
    manager.trials(**{f"stalk-try-{W1}": {**FAILED}})
    run("look", files=project.files(W1, W2), services=[project.service(W1), project.service(W2)])
    assert list(manager.transient.iterdir()) == []
    assert list((stamps / "try").iterdir()) == []
    assert manager.calls[-2:] == [f"reset-failed stalk-try-{W1}", "daemon-reload"]


def test_nothing_is_left_of_a_trial_that_could_not_be_run(
    run: Run, manager: Manager, project: Project, stamps: Path
) -> None:
    manager.refuse("daemon-reload")
    result = run("look", files=project.files(), services=[project.service()])
    assert "'systemctl daemon-reload' failed: daemon-reload refused" in result["msg"]
    assert list(manager.transient.iterdir()) == []
    assert list((stamps / "try").iterdir()) == []


def test_what_a_dead_trial_left_does_no_harm(run: Run, manager: Manager, project: Project, stamps: Path) -> None:
    left = stamps / "try" / W1 / "file-7"
    left.parent.mkdir(parents=True)
    left.write_text("left")
    (manager.transient / f"stalk-try-{W1}").write_text("left")
    assert run("look", files=project.files(), services=[project.service()])["tried"] == [W1]
    assert not left.exists()
    assert list(manager.transient.iterdir()) == []


@pytest.mark.parametrize("count", [1, 12])
def test_all_trials_take_the_same_calls(run: Run, manager: Manager, project: Project, count: int) -> None:
    units = [f"celery-live-w{number}.service" for number in range(count)]
    run("look", files=project.files(*units), services=[project.service(unit) for unit in units])
    verbs = ["show", "daemon-reload", "restart", "show", "show", "stop", "daemon-reload"]
    assert [call.split()[0] for call in manager.calls] == verbs


def test_an_app_that_does_not_start(run: Run, manager: Manager, project: Project, log: list[str]) -> None:
    output = 'Traceback:\nKeyError: redis://live:hunter2@broker/1 t0ken with "quotes"\n'
    manager.trials(**{f"stalk-try-{unit}": {**FAILED, "output": output} for unit in (W1, W2)})
    services = [project.service(W1), project.service(W2)]
    result = run("look", files=project.files(W1, W2), services=services)
    assert result["problems"] == [
        "celery_live/w1, celery_live/w2: the app 'proj.celery:app' does not start with the new configuration (exit "
        f"code 1); correct celery_live, or the code in {project.directory}. Nothing was changed. "
        "The last lines it wrote:\n"
        "    | Traceback:\n    | KeyError: redis://live:********@broker/1 ********"
    ]
    assert "hunter2" not in result["printed"] + "".join(log)
    assert "t0ken" not in result["printed"] + "".join(log)


def test_a_trial_that_warns(run: Run, manager: Manager, project: Project, warnings: list[str]) -> None:
    output = "WARNING: of the app\nstalk.celery warns: slow\nstalk.celery warns: redis://live:hunter2@broker/1\n"
    manager.trials(**{f"stalk-try-{W1}": {"ActiveState": "active", "output": output}})
    result = run("look", files=project.files(), services=[project.service()])
    assert result["problems"] == []
    assert warnings == ["celery_live, w1: slow", "celery_live, w1: redis://live:********@broker/1"]


@pytest.mark.parametrize(
    ("reload", "warned"),
    [("/usr/bin/env python3 /celery_handover.py -- x", True), ("/bin/kill -HUP $MAINPID", False)],
    ids=["hands over", "does not"],
)
def test_a_worker_without_room_for_a_second_process(
    run: Run,
    manager: Manager,
    project: Project,
    warnings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    reload: str,
    warned: bool,
) -> None:
    """Told before the change, and only of what the change would hand over."""
    monkeypatch.setattr(_processes, "memory", lambda _group: 600 * 2**20)
    manager.running(W1, MainPID="500", ExecReload=reload, MemoryMax=str(2**30))
    unit_file, env_file = project.files()
    project.etc.mkdir()
    Path(unit_file["path"]).write_text(unit_file["content"])
    run("look", files=[unit_file, env_file], services=[project.service()])
    expected = "twice its present memory is 1200 MiB, and its MemoryMax= is 1024 MiB."
    assert [text.endswith(f"restarted instead of handed over: {expected}") for text in warnings] == [True] * warned


def test_a_trial_that_systemd_does_not_even_start(run: Run, manager: Manager, project: Project) -> None:
    broken = {"ActiveState": "inactive", "LoadError": "Unit has a bad unit file setting."}
    manager.trials(**{f"stalk-try-{W1}": broken})
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "does not start with the new configuration (Unit has a bad unit file setting.)" in problem


def test_a_command_that_cannot_be_executed(run: Run, manager: Manager, project: Project) -> None:
    output = f"/usr/bin/env: '{project.celery}': Permission denied\n"
    manager.trials(**{f"stalk-try-{W1}": {**FAILED, "ExecMainStatus": "126", "output": output}})
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert f"cannot be executed ('{project.celery}': Permission denied)" in problem
    assert "set 'sandbox: {ProtectHome: read-only}' in celery_live" in problem
    assert "noexec" in problem


@pytest.mark.parametrize(
    ("status", "name", "said", "key"),
    [
        ("200", "CHDIR", "Changing to the requested working directory failed: Permission denied", "'directory'"),
        ("203", "EXEC", "Unable to locate executable '/opt/run': No such file or directory", "'virtualenv'"),
        ("216", "GROUP", "Failed to determine supplementary groups: No such process", "'group'"),
        ("217", "USER", "Failed to determine user credentials: No such process", "'user'"),
        ("218", "CAPABILITIES", "Failed to drop capabilities: Operation not permitted", "'sandbox'"),
        ("226", "NAMESPACE", "Failed to set up mount namespacing: /srv/media: No such file", "ReadWritePaths"),
        ("228", "SECCOMP", "Failed to apply system call filters", "'sandbox'"),
        ("243", "CREDENTIALS", "Failed to set up credentials", "credential"),
    ],
)
def test_what_systemd_cannot_do_is_told_with_its_reason(
    run: Run, manager: Manager, project: Project, status: str, name: str, said: str, key: str
) -> None:
    manager.trials(**{f"stalk-try-{W1}": {**FAILED, "ExecMainStatus": status}})
    manager.journal.write_text(f"Starting it...\nstalk-try-{W1}: {said}\nstalk-try-{W1}: {said}\n")
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert f"({status}/{name})" in problem
    assert problem.count(said) == 1
    assert key in problem
    assert "the code in" not in problem
    assert "stalk-try" not in problem


def test_an_app_that_takes_longer_than_it_may(run: Run, manager: Manager, project: Project) -> None:
    manager.trials(**{f"stalk-try-{W1}": {"ActiveState": "failed", "Result": "timeout"}})
    files = project.files()
    files[0]["content"] += "TimeoutStartSec=600\n"
    (problem,) = run("look", files=files, services=[project.service()])["problems"]
    assert "was not imported within 600 s; raise start_timeout of celery_live" in problem


def test_a_command_that_ends_well_and_is_no_celery(run: Run, manager: Manager, project: Project) -> None:
    manager.trials(**{f"stalk-try-{W1}": {"silent": True}})
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "ended without having run celery" in problem


def test_the_same_traceback_of_several_services_is_shown_once(run: Run, manager: Manager, project: Project) -> None:
    """Also where numbers differ, as of processes and addresses."""
    outputs = {W1: "pid 11\n<f at 0x7f01>\n", W2: "pid 222\n<f at 0x7fff>\n"}
    manager.trials(**{f"stalk-try-{unit}": {**FAILED, "output": output} for unit, output in outputs.items()})
    services = [project.service(W1), project.service(W2)]
    (problem,) = run("look", files=project.files(W1, W2), services=services)["problems"]
    assert problem.startswith("celery_live/w1, celery_live/w2: the app")


def test_an_app_that_writes_where_the_sandbox_forbids_it(run: Run, manager: Manager, project: Project) -> None:
    output = "ValueError\nOSError: [Errno 30] Read-only file system: '/srv/app/logs/app.log'\n"
    manager.trials(**{f"stalk-try-{W1}": {**FAILED, "output": output}})
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert "writes to /srv/app/logs/app.log when it is imported" in problem
    assert "write_paths of celery_live" in problem


def test_a_virtual_environment_that_was_moved(run: Run, manager: Manager, project: Project) -> None:
    project.celery.write_text("#!/builds/group/project/.venv/bin/python\n")
    result = run("look", files=project.files(), services=[project.service()])
    (problem,) = result["problems"]
    assert f"{project.celery} begins with #!/builds/group/project/.venv/bin/python, which is not there" in problem
    assert result["tried"] == []


def test_a_copy_whose_celery_runs_in_the_original(run: Run, manager: Manager, project: Project, tmp_path: Path) -> None:
    for virtualenv in (project.celery.parents[1], tmp_path / "original"):
        (virtualenv / "bin").mkdir(parents=True, exist_ok=True)
        (virtualenv / "bin/python").touch()
        (virtualenv / "pyvenv.cfg").touch()
    project.celery.write_text(f"#!{tmp_path}/original/bin/python\n")
    (problem,) = run("look", files=project.files(), services=[project.service()])["problems"]
    assert f"packages of the virtual environment {tmp_path}/original, not with those of" in problem
    assert f"set 'virtualenv: {tmp_path}/original' in celery_live" in problem


def test_drop_ins_are_part_of_the_trial(run: Run, manager: Manager, project: Project) -> None:
    """Those of the unit, of the beginnings of its name and of all services, as systemd merges them."""
    texts = {
        f"{W1}.d/20-own.conf": "[Service]\nEnvironment=A=own\nEnvironmentFile=-/etc/secrets/%N\n",
        "celery-live-.service.d/10-live.conf": "[Unit]\nOnFailure=mail.service\n[Service]\nEnvironment=B=100%%\n",
        "celery-.service.d/20-own.conf": "[Service]\nEnvironment=A=hidden\n",
        "service.d/30-all.conf": "[Service]\nRestart=no\nExecStartPre=/bin/false\nLimitCORE=0\n",
        f"{W2}.d/own.conf": "[Service]\nEnvironment=A=other\n",
    }
    for name, text in texts.items():
        path = manager.unit_directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert run("look", files=project.files(), services=[project.service()])["problems"] == []
    seen = manager.seen(W1)
    lines = seen["unit"].splitlines()
    added = ["Environment=B=100%%", "Environment=A=own", "EnvironmentFile=-/etc/secrets/celery-live-w1", "LimitCORE=0"]
    assert [line for line in lines if line in added] == added
    assert not [line for line in lines if "hidden" in line or "other" in line or "false" in line or "OnFailure" in line]
    assert seen["masks"] == {"30-all.conf": "/dev/null"}


def drop_in(manager: Manager, text: str) -> None:
    directory = manager.unit_directory / f"{W1}.d"
    directory.mkdir()
    (directory / "own.conf").write_text(f"[Service]\n{text}\n")


def test_the_command_of_a_drop_in_is_tried(run: Run, manager: Manager, project: Project) -> None:
    drop_in(manager, "ExecStart=\nExecStart=-/opt/run celery --app=proj worker")
    run("look", files=project.files(), services=[project.service()])
    assert "/path /opt/run celery --app=proj worker --port=only-a-trial\n" in manager.seen(W1)["unit"]


@pytest.mark.parametrize("command", ["/usr/bin/sleep 1", "+/usr/bin/celery worker", "!!/usr/bin/celery worker"])
def test_a_command_that_cannot_be_tried_is_told(
    run: Run, manager: Manager, project: Project, warnings: list[str], command: str
) -> None:
    drop_in(manager, f"ExecStart=\nExecStart={command}")
    result = run("look", files=project.files(), services=[project.service()])
    assert (result["problems"], result["tried"]) == ([], [])
    assert f"{manager.unit_directory}/{W1}.d/own.conf" in warnings[0]


def test_a_secret_of_a_drop_in_is_not_shown(run: Run, manager: Manager, project: Project) -> None:
    drop_in(manager, 'Environment="SECRET_KEY=from the vault"')
    manager.trials(**{f"stalk-try-{W1}": {**FAILED, "output": "KeyError: from the vault\n"}})
    assert "from the vault" not in run("look", files=project.files(), services=[project.service()])["printed"]


def test_directories_that_the_sandbox_closes(
    run: Run,
    manager: Manager,
    project: Project,
    warnings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What does not exist, what systemd makes for the service and what is no path is not named."""
    monkeypatch.setattr("os.getuid", lambda: 1000)
    media = tmp_path / "media"
    media.mkdir()
    files = project.files()
    files[0]["content"] += "StateDirectory=celery-live\n"
    said = [
        ["MEDIA_ROOT", str(media)],
        ["DATABASES: default", str(media)],
        ["TMPDIR", "/does/not/exist"],
        ["schedule", "/var/lib/celery-live"],
        ["FAKE", "not/absolute"],
        ["FAKE\u001b[2J", str(media)],
        {"FAKE": 1},
    ]
    output = "".join(f"stalk.celery cannot write: {json.dumps(item)}\n" for item in said)
    manager.trials(**{f"stalk-try-{W1}": {"output": f"{output}stalk.celery cannot write: [[[\n"}})
    assert run("look", files=files, services=[project.service()])["problems"] == []
    assert warnings == [
        f"celery_live, w1: the application writes to {media} (MEDIA_ROOT, DATABASES: default), which the sandbox makes "
        f"read-only: add write_paths: [{media}] to celery_live."
    ]


def test_directories_to_write_to_that_do_not_exist(
    run: Run, manager: Manager, project: Project, tmp_path: Path
) -> None:
    service = project.service(write_paths=[f"{tmp_path}/media"])
    (problem,) = run("look", files=project.files(), services=[service])["problems"]
    assert f"the directory {tmp_path}/media in write_paths of celery_live does not exist; make it" in problem


def test_a_unit_that_systemd_does_not_accept_is_not_run(run: Run, manager: Manager, project: Project) -> None:
    manager.verify(f"{{}}/{W1}:3: Failed to parse service type, ignoring: notify\nssh.service: something else\n")
    services = [project.service(W1), project.service(W2)]
    result = run("look", files=project.files(W1, W2), services=services)
    assert result["problems"] == [
        "celery_live/w1: systemd does not accept the new unit because of the line 'Type=notify': "
        "Failed to parse service type, ignoring: notify"
    ]
    assert result["tried"] == [W2]


def test_a_unit_that_runs_something_else_is_not_tried(run: Run, manager: Manager, project: Project) -> None:
    files = project.files()
    files[0]["content"] += "ExecStart=\nExecStart=/usr/bin/sleep 1\n"
    result = run("look", files=files, services=[project.service()])
    assert (result["problems"], result["tried"]) == ([], [])


def test_what_is_logged_has_no_text_of_a_file(run: Run, manager: Manager, project: Project, log: list[str]) -> None:
    run("look", files=project.files(), services=[project.service()], _script=PROGRAM)
    assert log
    for hidden in ("hunter2", "Managed by", "the script"):
        assert hidden not in json.dumps(log)


def test_what_was_there_is_untouched(run: Run, manager: Manager, project: Project) -> None:
    project.etc.mkdir()
    old = "# Managed by stalk.celery: live/worker/w1.\nold\n"
    (project.etc / W1).write_text(old)
    before = os.stat(project.etc / W1)
    run("look", files=project.files(), services=[project.service()])
    assert (project.etc / W1).read_text() == old
    assert os.stat(project.etc / W1).st_mtime_ns == before.st_mtime_ns
    changes = [call for call in manager.calls if not call.startswith("show")]
    assert not any("celery-live" in call.replace("stalk-try-celery-live", "") for call in changes)


def test_the_services_that_run(run: Run, manager: Manager, project: Project) -> None:
    manager.running(W1)
    manager.add(W2, ActiveState="failed")
    services = [project.service(W1), project.service(W2)]
    assert run("look", check=True, files=project.files(W1, W2), services=services)["running"] == [W1]


def test_services_that_run_and_are_not_wanted_any_more(run: Run, manager: Manager, project: Project) -> None:
    for name in ("old", "down", "foreign"):
        manager.file(f"celery-live-{name}.service", f"# Managed by stalk.celery: live/worker/{name}.\n")
    manager.file("celery-live-foreign.service", "[Service]\n")
    manager.running("celery-live-old.service", "celery-live-foreign.service")
    manager.add("celery-live-down.service")
    places = {"marker_prefixes": ["live/worker/"], "search": [str(manager.unit_directory)]}
    assert run("look", check=True, files=[], services=[], **places)["orphans"] == ["celery-live-old.service"]


def test_a_service_that_runs_with_another_marker_is_not_settled(run: Run, manager: Manager, project: Project) -> None:
    """A new file without a marker to compare, here the environment, and another text do not count."""
    project.etc.mkdir()
    files, services = project.files(W1, W2), [project.service(W1), project.service(W2)]
    (project.etc / W1).write_text(files[0]["content"] + "# another configuration\n")
    (project.etc / W2).write_text(files[2]["content"].replace("live/worker/", "live/worker/another-"))
    manager.running(W1, W2)
    result = run("look", check=True, files=files, services=services)
    assert (result["running"], result["settled"]) == ([W1, W2], [W1])


def test_the_environments_that_change(run: Run, manager: Manager, project: Project) -> None:
    """A file that is written, one that is adjusted, one that has to go; in check mode too."""
    files = project.files()
    arguments = {"files": files, "marker_prefixes": ["live/worker/"]}

    def changing(*, check: bool = False) -> list[str]:
        result: list[str] = run("look", check=check, services=[], **arguments)["changing"]
        return result

    assert (changing(), changing(check=True)) == (["live"], ["live"])
    run("files", files=files)
    assert (changing(), changing(check=True)) == ([], [])
    Path(files[1]["path"]).chmod(0o600)
    assert changing() == ["live"]
    run("files", files=files)
    (project.etc / "other").write_text("# Managed by stalk.celery: uat/worker/w1.\n")
    assert changing() == []
    (project.etc / "old").write_text("# Managed by stalk.celery: live/worker/old.\n")
    assert changing() == ["live"]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "does not exist; write it, or take it out"),
        (lambda path: path.mkdir(), "it is no file"),
        (os.mkfifo, "it is no file"),
        (lambda path: path.symlink_to("nowhere"), "does not exist"),
        (lambda path: (path.write_text(""), path.chmod(0o666)), "can be changed by others than root (it belongs to"),
        (lambda path: (path.write_text(""), path.parent.chmod(0o777)), "can be changed by others than root"),
        (lambda path: (path.parent.parent / "open").mkdir(mode=0o777), ""),
    ],
)
def test_an_environment_file_that_systemd_must_not_read(
    run: Run, manager: Manager, project: Project, tmp_path: Path, make: Any, expected: str
) -> None:
    """systemd reads it as root: a link of somebody else's would show any file, and a pipe would hold up the host."""
    path = tmp_path / "etc.d" / "app.env"
    path.parent.mkdir()
    make(path)
    if not expected:
        (tmp_path / "open").chmod(0o777)
        (tmp_path / "open/target").write_text("A=1\n")
        path.symlink_to(tmp_path / "open/target")
        expected = f"{tmp_path}/open belongs to"
    problems = run("look", files=project.files(), services=[project.service(env_files=[str(path)])])["problems"]
    assert len(problems) == 1, problems
    assert f"{path} in env_files of celery_live" in problems[0]
    assert expected in problems[0]
    assert not (manager.program("seen-stalk-try-" + W1)).exists()


def test_the_secrets_of_an_environment_file_are_not_shown(
    run: Run, manager: Manager, project: Project, tmp_path: Path
) -> None:
    path = tmp_path / "app.env"
    path.write_text("export OTHER=1\nAPI_TOKEN=abc-t0ken\n")
    manager.trials(**{f"stalk-try-{W1}": {**FAILED, "output": "bad abc-t0ken"}})
    files = project.files()
    files[0]["content"] = files[0]["content"].replace("EnvironmentFile=", f"EnvironmentFile={path}\nEnvironmentFile=")
    result = run("look", files=files, services=[project.service(env_files=[str(path)])])
    assert "bad ********" in result["problems"][0]
    assert "abc-t0ken" not in result["printed"]


@pytest.fixture
def foreign(
    project: Project, processes: list[Process], manager: Manager, monkeypatch: pytest.MonkeyPatch, user: str
) -> str:
    """Let a unit run a worker of the application that nobody wrote with this collection; return its name."""
    words = ("python", "-m", "celery", "-A", "proj.celery:app", "worker", "-c", "4")
    uid = pwd.getpwnam(user).pw_uid
    own = Process(11, 1, uid, words, str(project.directory), "/system.slice/celery.service", {})
    processes.append(own)
    setup = SetUp("systemd", "celery.service", manager.file("celery.service", "[Service]\n"), "", words)
    found = Service(setup, Call("worker", words[:3], (), Context()), (own,))
    monkeypatch.setattr(_takeover, "services", lambda: [found])
    manager.running("celery.service")
    return setup.name


WORKER = ENVIRONMENT + 'CELERYD_OPTS="--queues=a"\n'


def test_nothing_starts_beside_a_foreign_service_unless_the_run_takes_it_over(
    run: Run, project: Project, foreign: str
) -> None:
    """The refusal names the switch."""
    wanted = {"files": project.files(environment=WORKER), "services": [project.service()]}
    result = run("look", **wanted)
    assert result["taken"] == []
    (problem,) = (problem for problem in result["problems"] if foreign in problem)
    assert problem.endswith("Or let this run take it over: -e celery_adopt_takeover=true.")
    result = run("look", **wanted, takeover=True)
    assert result["problems"] == []
    (gone,) = result["taken"]
    assert (gone["name"], gone["kinds"], gone["is_enabled"]) == (foreign, ["worker"], True)


@pytest.mark.parametrize(
    ("node", "unit", "is_serial"),
    [("celery@%h", "", True), ("celery@%h", "Environment=CELERYD_HANDOVER=/x\n", False), ("w1@%h", "", False)],
)
def test_what_has_the_name_of_a_worker_that_is_not_handed_over_goes_before_it(
    run: Run, project: Project, foreign: str, node: str, unit: str, is_serial: bool
) -> None:
    """Both would answer to that name, and the new one is to run alone."""
    files = project.files(environment=f'{WORKER}CELERYD_NODES="{node}"\n')
    for file in files:
        file["content"] += unit if file["path"].endswith(".service") else ""
    (gone,) = run("look", files=files, services=[project.service()], takeover=True)["taken"]
    assert (gone["name"], gone["is_serial"]) == (foreign, is_serial)


def test_a_run_goes_on_with_what_one_before_it_began_to_take_over(
    run: Run,
    project: Project,
    foreign: str,
    processes: list[Process],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Without being told, and with what that one knew: it does not start at boot any more."""
    monkeypatch.setattr(_archive, "GENERATIONS", str(tmp_path / "generations"))
    wanted = {"files": project.files(environment=WORKER), "services": [project.service()]}
    (gone,) = run("look", **wanted, takeover=True)["taken"]
    (tmp_path / "generations/live").mkdir(parents=True)
    begun = [{**gone, "nodes": ["as it was"]}]
    (tmp_path / "generations/live/takeover.json").write_text(json.dumps(begun))
    stopping = ("python", "-m", "celery", "-A", "proj.celery:app", "multi", "stopwait", "w1")
    processes.append(replace(processes[0], pid=12, words=stopping))
    result = run("look", **wanted)
    assert (result["problems"], result["taken"]) == ([], begun)
