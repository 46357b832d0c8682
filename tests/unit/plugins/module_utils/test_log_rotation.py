# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.plugins.module_utils._plan._files import Attributes, File
from ansible_collections.stalk.celery.plugins.module_utils._plan._log_rotation import patterns, problems

THEIRS = """\
# /var/log/comment.log {
weekly
su root adm
/var/log/celery/*.log "/var/log/with space/a.log"
/var/log/other.log {
    missingok
    postrotate
        kill -HUP $(cat /run/x.pid) || { echo /var/log/no.log; }
    endscript
    create 0640 root adm
}
"""


def rotation(name: str, log: str) -> File:
    text = f"# Managed by stalk.celery: live/worker/{name}.\n{log} {{\n    su live live\n    daily\n}}\n"
    return File(f"/etc/logrotate.d/celery-live-{name}", Attributes("root", "root", 0o644), text.encode())


def test_the_log_files_that_a_file_of_logrotate_names() -> None:
    found = patterns(THEIRS)
    assert found == ["/var/log/celery/*.log", "/var/log/with space/a.log", "/var/log/other.log"]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("/var/log/celery/w1.log", True),
        ("/var/log/other.log", True),
        ("/var/log/celery/w1*.log", True),
        ("/var/log/celery/deeper/w1.log", False),
        ("/var/log/celery-live/w1.log", False),
        ("/var/log/comment.log", False),
    ],
)
def test_a_log_file_that_somebody_else_rotates_is_refused(log: str, expected: bool) -> None:
    found = problems([rotation("w1", log)], "/etc/logrotate.d", {"/etc/logrotate.d/celery": THEIRS})
    assert bool(found) is expected
    for problem in found:
        assert problem.startswith(
            f"/etc/logrotate.d/celery rotates {log}, and so would /etc/logrotate.d/celery-live-w1:"
        )
        assert "another log_file in celery_live" in problem


def test_two_services_with_one_log_file_are_refused_once() -> None:
    both = [rotation(name, "/var/log/celery-live/celery.log") for name in ("w1", "mail")]
    (problem,) = problems(both, "/etc/logrotate.d", {})
    assert "with %n in its name" in problem
