# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host runs for the environments that a user wrote."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._plan import _files
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._account_files import accounts_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._files import files_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._services import summaries_of, trials_of, units_of
from ansible_collections.stalk.celery.plugins.plugin_utils._plan._virtualenvs import virtualenvs_of
from ansible_collections.stalk.celery.tests.unit.deciding import environments, services
from ansible_collections.stalk.celery.tests.unit.rendering import rendered

MINIMAL = {"app": "edc.celery:app", "directory": "/srv/edc", "virtualenv": "/srv/venv"}


def services_on(host: str = "app1", **changes: Any) -> list[dict[str, Any]]:
    return services(environments({"live": {**MINIMAL, **changes}}), host)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("", ["live", "uat"]),
        ("live", ["live"]),
        ("uat,live", ["live", "uat"]),
        ("live:!app2", ["live"]),
        ("live:&uat", ["live", "uat"]),
        ("app1:&live", ["live"]),
        ("app1", ["live", "uat"]),
        ("app1:&live[0]", ["live"]),
        ("app2,uat:!app1", ["uat"]),
        ("live[1:2],", ["live"]),
        ("live[-1]", ["live"]),
        ("li*", ["live"]),
        ("~(li|la)ve$", ["live"]),
        ("~(?:live|uat),app3", ["live", "uat"]),
        ("app1,&~(?:live|prod)", ["live"]),
        ("all,!~(?:uat)", ["live", "uat"]),
        ("app*", ["live", "uat"]),
        ("~app[12]", ["live", "uat"]),
        ("all:!uat", ["live", "uat"]),
        ("*:!~u.*", ["live", "uat"]),
    ],
)
def test_environments_of_a_run(limit: str, expected: list[str]) -> None:
    assert [environment["name"] for environment in environments({"live": MINIMAL, "uat": MINIMAL}, limit)] == expected


@pytest.mark.parametrize(("lines", "expected"), [("app1\napp2\n", ["live", "uat"]), ("app1\n~(?:u)at\n", ["uat"])])
def test_environments_of_a_run_that_a_file_limits(tmp_path: Path, lines: str, expected: list[str]) -> None:
    (tmp_path / "site.retry").write_text(lines)
    found = environments({"live": MINIMAL, "uat": MINIMAL}, f"@{tmp_path}/site.retry")
    assert [environment["name"] for environment in found] == expected


def test_smallest_environment() -> None:
    (worker,) = services_on()
    assert worker["unit"] == "celery-live-w1.service"
    assert worker["env_file"] == "/etc/conf.d/celery-live-w1.conf"
    assert (worker["user"], worker["group"], worker["home"]) == ("live", "live", "/home/live")
    assert (worker["state"], worker["enabled"], worker["node"]) == ("started", True, "w1@%h")


def test_hosts_of_a_service() -> None:
    workers = [{"name": "w1"}, {"name": "video", "hosts": ["app2"]}]
    changes: dict[str, Any] = {"workers": workers, "beat": {"host": "app1"}, "flower": {"host": "app2"}}
    assert [service["name"] for service in services_on("app1", **changes)] == ["w1", "beat"]
    assert [service["name"] for service in services_on("app2", **changes)] == ["w1", "video", "flower"]


def test_a_service_overrides_its_environment() -> None:
    first, second, beat = services_on(
        environment={"A": "environment", "B": "environment"},
        log_level="WARNING",
        stop_timeout=60,
        sandbox={"ProtectHome": "no", "UMask": "0022"},
        workers=[
            {"name": "w1"},
            {"name": "w2", "environment": {"B": "worker"}, "log_level": "DEBUG", "sandbox": {"UMask": "0077"}},
        ],
        beat={"host": "app1", "app": "edc.beat:app"},
    )
    assert (first["variables"]["A"], first["variables"]["B"]) == ("environment", "environment")
    assert (second["variables"]["A"], second["variables"]["B"]) == ("environment", "worker")
    assert (first["log_level"], second["log_level"], beat["log_level"]) == ("WARNING", "DEBUG", "WARNING")
    assert (first["stop_timeout"], second["stop_timeout"]) == (60, 60)
    assert second["sandbox"] == {"ProtectHome": "no", "UMask": "0077"}
    assert (first["app"], beat["app"]) == ("edc.celery:app", "edc.beat:app")


def test_a_stopped_service_does_not_start_at_boot_unless_it_says_so() -> None:
    stopped, kept = services_on(state="stopped", workers=[{"name": "w1"}, {"name": "w2", "enabled": True}])
    assert (stopped["enabled"], kept["enabled"]) == (False, True)


def test_command_line_of_a_worker() -> None:
    worker = {
        "name": "w1",
        "queues": ["a", "b"],
        "pool": "prefork",
        "concurrency": "8",
        "time_limit": 300,
        "options": ["--without-gossip"],
    }
    (service,) = services_on(workers=[worker])
    assert (
        service["variables"]["CELERYD_OPTS"]
        == "--queues=a,b --pool=prefork --concurrency=8 --time-limit=300 --without-gossip"
    )


def test_options_with_white_space_and_quotes_stay_one_word() -> None:
    (service,) = services_on(workers=[{"name": "w1", "options": ['--statedb=/a b/"c"']}])
    assert service["variables"]["CELERYD_OPTS"] == r'"--statedb=/a b/\"c\""'


def test_command_line_and_variables_of_flower() -> None:
    flower = {"host": "app1", "port": 8080, "url_prefix": "flower", "basic_auth": ["ann:s3cret", "bob:pass"]}
    (_worker, service) = services_on(flower=flower, log_file="/var/log/celery-live/%n.log")
    assert service["unit"] == "celery-live-flower.service"
    assert service["variables"]["FLOWER_OPTS"] == (
        "--db=/var/lib/celery-live/flower --persistent=true --address=127.0.0.1 --port=8080 --url-prefix=flower"
    )
    assert service["variables"]["FLOWER_BASIC_AUTH"] == "ann:s3cret,bob:pass"
    assert "log_file" not in service


def test_the_python_path_of_the_user_comes_after_ours() -> None:
    (service,) = services_on(environment={"PYTHONPATH": "/srv/lib"})
    assert service["variables"]["PYTHONPATH"] == "/usr/local/lib/celery-live:/srv/lib"


def test_paths_below_home_stay_visible_once() -> None:
    (service,) = services_on(home="/home/live", directory="/home/live/edc", virtualenv="/home/shared/venv")
    assert service["visible_paths"] == ["/home/live", "/home/shared/venv"]


def test_only_files_with_variables_are_secret_and_closed() -> None:
    files = files_of(services_on(environment={"PASSWORD": "s3cret"}, group="edc"))["files"]
    (env_file,) = [file for file in files if file.get("secret")]
    assert (env_file["path"], env_file["group"], env_file["mode"]) == ("/etc/conf.d/celery-live-w1.conf", "edc", "0640")
    assert all(
        file.get("mode", "0644") in ("0644", "0755") and "owner" not in file for file in files if file is not env_file
    )


def test_files_of_an_environment_exist_once_however_many_services_it_has() -> None:
    few = files_of(services_on(workers=[{"name": "w1"}]))["files"]
    many = files_of(services_on(workers=[{"name": f"w{number}"} for number in range(20)]))["files"]
    assert len(many) == len(few) + 2 * 19
    assert len({file["path"] for file in many}) == len(many)


def test_every_library_file_says_whose_it_is() -> None:
    contents = [file["content"] for file in files_of(services_on())["files"] if "content" in file]
    assert contents
    for content in contents:
        assert "Managed by stalk.celery: live/environment/library" in "".join(content.splitlines()[:3])


def test_units_are_the_services_their_target_and_what_watches_them() -> None:
    units = units_of(services_on(workers=[{"name": "w1"}, {"name": "w2", "state": "stopped"}]))
    assert units == [
        {"name": "celery-live.target"},
        {"name": "stalk-watch-live.service"},
        {"name": "celery-live-w1.service", "state": "started", "enabled": True},
        {"name": "celery-live-w2.service", "state": "stopped", "enabled": False},
    ]


def test_what_the_role_installs_is_tried_when_it_is_installed() -> None:
    found = services_on(packages=["celery"], workers=[{"name": "w1"}, {"name": "w2", "virtualenv": "/srv/other"}])
    assert [trial["try"] for trial in trials_of(found)] == [False, True]
    assert [trial["try"] for trial in trials_of(found, True)] == [True, True]


def test_packages_go_into_the_virtual_environments_of_those_that_have_the_key() -> None:
    """With the services that run from them, and without a variable, which may be secret."""
    workers = [{"name": "w1"}, {"name": "w2", "virtualenv": "/srv/other"}]
    [found] = virtualenvs_of(environments({"live": {**MINIMAL, "packages": ["celery"], "workers": workers}}), "app1")
    assert (found["name"], found["packages"], found["units"]) == ("live", ["celery"], ["celery-live-w1.service"])
    assert "environment" not in found
    assert virtualenvs_of(environments({"live": MINIMAL}), "app1") == []


def test_accounts_of_an_environment() -> None:
    accounts = accounts_of(environments({"live": {**MINIMAL, "user": "edc"}}))
    assert accounts["directories"] == [{"path": "/home/edc", "owner": "edc", "group": "edc", "mode": "0750"}]
    assert accounts["files"][0]["path"] == "/etc/sysusers.d/celery-live.conf"


def unit_of(service: dict[str, Any]) -> str:
    """Return the text of the service's unit file."""
    return rendered(files_of([service])["files"][0])


def test_a_worker_that_is_a_part_of_another() -> None:
    workers = [{"name": "w1", "unit": "celery.live.service"}, {"name": "w2", "part_of": "celery.live.service"}]
    first, second = map(unit_of, services_on(workers=workers))
    assert "\nWants=network-online.target celery-live-w2.service\n" in first
    assert "\nPartOf=celery-live.target\n" in first
    assert "\nWants=network-online.target\n" in second
    assert "\nPartOf=celery-live.target celery.live.service\n" in second


def test_what_a_service_requires_is_started_before_it() -> None:
    both = {"requires": ["data.mount"], "after": ["redis.service", "data.mount"]}
    workers = [{"name": "w1"}, {"name": "w2", "requires": ["data.mount"]}, {"name": "w3", **both}]
    first, second, third = map(unit_of, services_on(workers=workers))
    assert "Requires=" not in first
    assert "\nRequires=data.mount\nAfter=network-online.target data.mount\n" in second
    assert "\nRequires=data.mount\nAfter=network-online.target redis.service data.mount\n" in third


def test_workers_that_are_the_same_are_written_once() -> None:
    """Their names have numbers, and so has all that is made of names; a template makes a string of the number."""
    several = {"name": "sync", "count": "3", "queues": ["sync"], "log_file": "/l/%n"}
    found = services_on(workers=[{"name": "w1"}, several])
    assert [service["name"] for service in found] == ["w1", "sync-1", "sync-2", "sync-3"]
    assert found[3]["unit"] == "celery-live-sync-3.service"
    assert found[3]["env_file"] == "/etc/conf.d/celery-live-sync-3.conf"
    assert (found[3]["node"], found[3]["queues"]) == ("sync-3@%h", ["sync"])
    assert found[3]["marker"] == "live/worker/sync-3"
    assert [service["log_patterns"] for service in found[1:]] == [[f"/l/sync-{number}"] for number in (1, 2, 3)]


def test_another_library_is_another_unit_of_those_that_load_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notify, plain = services_on(workers=[{"name": "w1"}, {"name": "w2", "type": "exec"}])
    before = [unit_of(notify), unit_of(plain)]
    library = shutil.copytree(_files._LIBRARY_SOURCE, tmp_path / "library")
    monkeypatch.setattr(_files, "_LIBRARY_SOURCE", library)
    assert [unit_of(notify), unit_of(plain)] == before
    with (library / "celery_settle.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert unit_of(notify) != before[0]
    assert unit_of(plain) == before[1]


def test_another_watch_is_another_unit_of_its_own_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is restarted, and no service is."""

    def texts() -> dict[str, str]:
        return {
            entry["unit"]: rendered(entry)
            for entry in files_of(services_on())["files"]
            if "template" in entry and "unit" in entry and "mode" not in entry
        }

    before = texts()
    library = shutil.copytree(_files._LIBRARY_SOURCE, tmp_path / "library")
    monkeypatch.setattr(_files, "_LIBRARY_SOURCE", library)
    assert texts() == before
    with (library / "celery_watch.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert {unit for unit, text in texts().items() if text != before[unit]} == {"stalk-watch-live.service"}


def test_logrotate_looks_for_the_files_of_the_service_and_no_other() -> None:
    (service,) = services_on(workers=[{"name": "w1", "log_file": "/var/log/celery/%n%I.live.log"}])
    assert service["log_patterns"] == ["/var/log/celery/w1.live.log", "/var/log/celery/w1-[0-9]*.live.log"]
    assert service["log_directory"] == "/var/log/celery"


def test_the_log_directory_of_the_environment_is_left_to_systemd() -> None:
    (service,) = services_on(workers=[{"name": "w1", "log_file": "/var/log/celery-live/%n.log"}])
    assert service["log_directory"] is None


def test_a_soft_stop_ends_before_the_kill() -> None:
    (service,) = services_on(stop="soft", stop_timeout=60)
    assert service["variables"]["CELERYD_OPTS"].endswith("worker.soft_shutdown_timeout=50")
    assert service["variables"]["REMAP_SIGTERM"] == "SIGQUIT"


def test_summaries_have_no_variables() -> None:
    workers = [{"name": "w1"}, {"name": "video", "queues": ["video"], "pool": "gevent", "node": "v@%h"}]
    described = services_on(workers=workers, beat={"host": "app1"}, environment={"PASSWORD": "hunter2"})
    first, video, beat = summaries_of(described)
    assert video == {
        "unit": "celery-live-video.service",
        "environment": "live",
        "kind": "worker",
        "name": "video",
        "type": "notify",
        "state": "started",
        "user": "live",
        "group": "live",
        "directory": "/srv/edc",
        "virtualenv": "/srv/venv",
        "node": "v@%h",
        "queues": ["video"],
        "pool": "gevent",
    }
    assert (first["queues"], first["pool"]) == ([], "")
    assert (beat["kind"], beat["node"], beat["queues"]) == ("beat", "", [])
    assert "hunter2" not in str([first, video, beat])


def test_directories_to_write_to_are_opened_wherever_they_are() -> None:
    """Below what a service sees they are opened, where systemd follows no link out of it; what is hidden is bound."""
    paths = ["/srv/media", "/home/live/media", "/home/deploy/media", "/homes/live"]
    (service,) = services_on(write_paths=paths, user="live")
    assert service["opened_paths"] == ["/srv/media", "/home/live/media", "/homes/live"]
    assert service["bound_paths"] == ["/home/deploy/media"]
    (service,) = services_on(write_paths=paths, sandbox={"ProtectHome": "read-only"})
    assert (service["opened_paths"], service["bound_paths"]) == (paths, [])


def test_a_home_to_write_to_is_bound_once() -> None:
    (service,) = services_on(write_paths=["/home/live"], user="live")
    assert (service["bound_paths"], service["visible_paths"]) == (["/home/live"], [])


def test_directories_of_a_worker_are_added_to_those_of_its_environment() -> None:
    first, second = services_on(
        write_paths=["/srv/all"], workers=[{"name": "w1", "write_paths": ["/srv/50%", "/srv/all"]}, {"name": "w2"}]
    )
    assert first["opened_paths"] == ["/srv/all", "/srv/50%"]
    assert second["opened_paths"] == ["/srv/all"]


@pytest.mark.parametrize("kind", ["notify", "exec", "forking"])
def test_a_service_has_no_directory_in_run_that_its_user_could_fill(kind: str) -> None:
    found = services(environments({"live": {**MINIMAL, "workers": [{"name": "w1", "type": kind}]}}), "app1")
    text = rendered(files_of(found)["files"][0])
    assert "RuntimeDirectory" not in text
    assert "/run/" not in text
    assert ("PIDFile=/var/lib/celery-live/celery-live-w1.pid" in text) == (kind == "forking")


@pytest.mark.parametrize(
    ("worker", "hands_over"),
    [
        ({}, True),
        ({"pool": "gevent", "concurrency": 100}, True),
        ({"autoscale": "10,3"}, True),
        ({"autoscale": "1,2"}, True),
        ({"pool": "solo"}, False),
        ({"concurrency": 1}, False),
        ({"autoscale": "1,1"}, False),
        ({"pool": "solo", "overlap": True}, True),
        ({"overlap": False}, False),
        ({"type": "exec", "overlap": True}, False),
    ],
)
def test_a_reload_hands_over_unless_two_processes_must_not_run_at_once(worker: Any, hands_over: bool) -> None:
    (service,) = services_on(workers=[{"name": "w1", **worker}])
    text = rendered(files_of([service])["files"][0])
    assert ("celery_handover.py" in text) == hands_over
    assert ("NotifyAccess=exec" in text) == hands_over
    assert ("kill -HUP" in text) == (not hands_over)


def test_the_time_of_a_drain_is_limited_only_if_it_is_written() -> None:
    limited, unlimited = services_on(workers=[{"name": "w1", "drain_timeout": 7200}, {"name": "w2"}])
    assert " --drain-timeout=7200 " in rendered(files_of([limited])["files"][0])
    assert "--drain-timeout" not in rendered(files_of([unlimited])["files"][0])
