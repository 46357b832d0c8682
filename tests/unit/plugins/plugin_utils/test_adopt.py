# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which environments the services of several hosts become."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._files import files
from ansible_collections.stalk.celery.plugins.plugin_utils._adopt._found import Adopted, adopted
from ansible_collections.stalk.celery.tests.unit.plugins.plugin_utils.adopting import beat, host, service

FLOWER: dict[str, Any] = {"kind": "flower", "name": "flower.service", "options": [["--app", "edc"]]}


def fleet(unit_names: bool = False, **services: list[dict[str, Any]]) -> Adopted:
    """Return what is made of the services of hosts."""
    return adopted({name: host(*own, name=name) for name, own in services.items()}, unit_names)


def values(found: Adopted) -> dict[str, Any]:
    """Return the environments by name."""
    return {one.name: one.value for one in found.environments}


def text(found: Adopted) -> str:
    """Return all files."""
    return "\n".join(files(found.environments, {}, found.lines).values())


def test_a_worker_that_is_the_same_on_all_hosts_is_written_once() -> None:
    found = fleet(app1=[service()], app2=[service()])
    assert values(found)["live"]["workers"] == [{"name": "w1"}]
    assert found.environments[0].hosts == ["app1", "app2"]


def test_workers_that_differ_from_host_to_host_have_their_hosts() -> None:
    found = fleet(app1=[service("--concurrency=8"), service("--hostname=mail@app1")], app2=[service("--concurrency=2")])
    assert values(found)["live"]["workers"] == [
        {"name": "w1-app1", "hosts": ["app1"], "node": "w1@%h", "concurrency": 8},
        {"name": "w1-app2", "hosts": ["app2"], "node": "w1@%h", "concurrency": 2},
        {"name": "mail", "hosts": ["app1"]},
    ]


@pytest.mark.parametrize(("written", "autoscale"), [("10,3", "10,3"), ("1,2", "2,1"), ("4", "4,0"), ("2, 6", "6,2")])
def test_autoscale_has_the_maximum_first_as_the_check_wants_it(written: str, autoscale: str) -> None:
    (found,) = values(fleet(app1=[service(f"--autoscale={written}")])).values()
    assert found["workers"] == [{"name": "w1", "autoscale": autoscale}]


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "uat"},
        {"directory": "/srv/uat"},
        {"options": [["--app", "uat"], ["--hostname", "w1@%h"]]},
        {"variables": {"CELERY_BROKER_URL": {"value": "redis://b/2", "secret": False}}},
        {"variables": {"DJANGO_SETTINGS_MODULE": {"value": "edc.settings.uat", "secret": False}}},
    ],
)
def test_what_differs_in_what_tells_environments_apart_is_another_one(changes: dict[str, Any]) -> None:
    """Each with the name of its own; users and brokers that they share are said to be shared."""
    found = fleet(app1=[service(), service(**changes)])
    assert len(values(found)) == 2
    assert found.lines == []


def test_environments_with_one_broker_or_user_say_so() -> None:
    """As the check wants it, where it is so today."""
    url = {"CELERY_BROKER_URL": {"value": "redis://:********@b/1", "secret": True}}
    one, other = values(fleet(app1=[service(variables=url)], app2=[service(variables=url, user="uat")])).values()
    assert one["shared_broker"] is other["shared_broker"] is True
    one, other = values(fleet(app1=[service(), service(directory="/srv/uat")])).values()
    assert one["shared_user"] is other["shared_user"] is True


def test_of_two_beats_one_is_kept_and_the_other_is_told() -> None:
    """With RedBeat both are."""
    found = fleet(app1=[service(), beat()], app2=[service(), beat()])
    assert values(found)["live"]["beat"] == {"host": "app1"}
    assert "# also on app2, and left out, since one is enough: beat.service" in text(found)
    options = [["--app", "edc"], ["--scheduler", "redbeat.RedBeatScheduler"]]
    found = fleet(app1=[service(), beat(options=options)], app2=[service(), beat(options=options)])
    assert values(found)["live"]["beat"]["hosts"] == ["app1", "app2"]


def test_beat_and_flower_of_another_user_belong_to_their_application() -> None:
    """Where root has set them up; what a user starts says nothing about the environments of others."""
    found = fleet(app1=[service(), service(**FLOWER, user="flower", directory="/")])
    assert values(found)["live"]["flower"] == {"host": "app1", "directory": "/"}
    assert "it runs as flower today" in text(found)
    found = fleet(app1=[service(), beat(user="evil", manager="", name="")])
    assert "beat" not in values(found)["live"]
    assert values(found)["evil"]["beat"] == {"host": "app1"}


def test_a_user_takes_no_name_from_an_environment_that_root_has_set_up() -> None:
    own = service(user="aaa", manager="")
    squatting = service(user="aaa", manager="", directory="/srv/x", options=[["--app", "live"]])
    found = fleet(app1=[own, squatting, service()])
    assert [one.value["directory"] for one in found.environments if one.name == "live"] == ["/srv/edc"]


def test_what_the_check_refuses_is_a_comment() -> None:
    """A root that runs workers, a log among those of the system, a limit of half a second, a Flower for everybody."""
    worker = service("--logfile=/var/log/celery.log", "--time-limit=0.5", "--concurrency=4", user="root")
    found = fleet(app1=[worker, service("--address=0.0.0.0", **FLOWER, user="root")])
    (value,) = values(found).values()
    assert value["workers"] == [{"name": "w1", "concurrency": 4}]
    assert value["flower"] == {"host": "app1"}
    lines = ("user=root: is root", "log_file=/var/log/celery.log: is in /var/log", "time_limit=0.5: is '0.5'")
    for line in (*lines, "address=0.0.0.0: is '0.0.0.0', and"):
        assert f"# not translated: {line}" in text(found)


def test_names_of_units_are_kept_where_somebody_wants_that() -> None:
    """And where a service of ours can have such a name."""
    found = fleet(unit_names=True, app1=[service(), service("--hostname=w2@%h", name="celery@2.service")])
    one, two = values(found)["live"]["workers"]
    assert (one["unit"], "unit" in two) == ("celery.service", False)
    assert "# not translated: unit=celery@2.service" in text(found)
    assert "unit" not in values(fleet(app1=[service()]))["live"]["workers"][0]


def test_two_set_ups_of_one_worker_are_told() -> None:
    found = fleet(app1=[service(), service(name="other.service")])
    assert len(values(found)["live"]["workers"]) == 1
    assert "# w1 on app1 is set up twice; what stands here is celery.service" in text(found)


def test_the_order_of_hosts_and_services_does_not_matter_to_what_they_become() -> None:
    """But to which of two beats is the first."""
    both = [service(), service("--hostname=w2@%h", directory="/srv/uat")]
    assert values(fleet(app1=both)) == values(fleet(app1=both[::-1]))


def test_flowers_of_two_environments_need_a_password_and_are_left_out_without() -> None:
    """As the check says: loopback is open to both."""
    found = fleet(app1=[service(), service(user="uat"), service(**FLOWER), service(**FLOWER, user="uat")])
    assert [value for value in values(found).values() if "flower" in value] == []
    assert "flower is left out: celery_live.flower would let the other environments of this host look" in text(found)
