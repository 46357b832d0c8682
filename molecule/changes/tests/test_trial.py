# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change is tried as it will run: through the same file, with drop-ins, in the sandbox, whose reasons are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet import on_host, services, task
from tests.runs import converged, refused

APP = """
import logging, logging.handlers, os
os.environ["SECRET_KEY"]
from meta_edc.celery.uat import app
logging.getLogger("secretapp").addHandler(logging.handlers.RotatingFileHandler("/srv/media/log", delay=True))

@app.task(name="meta_edc.tasks.write")
def write(path):
    with open(path, "w") as file:
        return file.write("written")
"""
PREPARE = """
set -e
mkdir -p /etc/systemd/system/celery-uat-.service.d /srv/media /home/other/media /home/other/release /srv/moved/bin
printf '[Service]\\nEnvironment=SECRET_KEY=from-a-drop-in\\n' > /etc/systemd/system/celery-uat-.service.d/secret.conf
ln -s /home/other/release /srv/current
chown uat: /srv/media /home/other/media
printf '#!/builds/project/.venv/bin/python\\n' > /srv/moved/bin/celery
chmod +x /srv/moved/bin/celery
"""
CLEAN = "rm -rf /etc/systemd/system/celery-uat-.service.d /srv/media /home/other /srv/moved /srv/current"


def uat(**changes: Any) -> dict[str, Any]:
    """Return the variables of a run in which uat runs the application above."""
    url = "redis://uat:only-for-the-tests-uat@broker1:6379/2"
    return {
        "celery_uat": {
            "app": "secretapp:app",
            "directory": "/home/uat/edc",
            "virtualenv": "/home/uat/edc/.venv",
            "environment": {"CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url},
            "beat": {"host": "app1"},
            **changes,
        }
    }


@pytest.fixture(scope="module", autouse=True)
def host() -> Iterator[None]:
    """Give the host what the application needs, and take it away again."""
    on_host("app1", "sh", "-c", PREPARE)
    on_host("app1", "sh", "-c", "cat > /home/uat/edc/secretapp.py", stdin=APP)
    yield
    on_host("app1", "sh", "-c", f"{CLEAN} /home/uat/edc/secretapp.py")
    converged("--limit", "uat")


def test_what_would_not_start_is_refused_with_its_reason_and_all_else_is_tried_with_it() -> None:
    """The worker that is right is not named, though its secret comes from a drop-in; what it cannot write to is."""
    before = services("app1")
    output = refused(
        "--limit",
        "uat",
        variables=uat(
            workers=[
                {"name": "w1", "write_paths": ["/home/other/media"]},
                {"name": "moved", "virtualenv": "/srv/moved"},
                {"name": "media", "sandbox": {"ReadWritePaths": "/srv/nothing"}},
                {"name": "link", "directory": "/srv/current"},
                {"name": "absent", "write_paths": ["/srv/nowhere"]},
            ]
        ),
    )
    said = re.sub(r"\s+", " ", output)
    for part in (
        "celery_uat/moved: /srv/moved/bin/celery begins with #!/builds/project/.venv/bin/python, which is not there",
        "celery_uat/media: systemd cannot start the service with the new configuration (226/NAMESPACE)",
        "/srv/nothing: No such file or directory",
        "'directory' /srv/current leads to /home/other, which the sandbox hides",
        "celery_uat/absent: the directory /srv/nowhere in write_paths of celery_uat does not exist",
        "the application writes to /srv/media (log handler RotatingFileHandler), which the sandbox makes read-only: "
        "add write_paths: [/srv/media]",
    ):
        assert part in said
    assert "celery_uat/w1:" not in said
    assert "correct celery_uat, or the code" not in said
    assert services("app1") == before


def test_directories_are_opened_wherever_they_are() -> None:
    """A task writes there, also in another home, and nothing is warned of."""
    output = converged("--limit", "uat", variables=uat(write_paths=["/srv/media", "/home/other/media"]))
    assert "the application writes to" not in output
    (worker,) = (service for service in services("app1") if service.unit == "celery-uat-w1.service")
    for path in ("/srv/media/file", "/home/other/media/file"):
        assert task(worker, "celery", "write", path) == len("written")
        assert on_host("app1", "cat", path) == "written"
