# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs the tutorial sees when the page is wrong."""

from __future__ import annotations

import pytest
from ansible_collections.stalk.celery.tests.tutorial import Command, File, missing, steps

PAGE = """
```ini
# hosts.ini
[live]
```

```yaml
celery_live: {}
```

```console
$ first
$ second  # fails
…
a line
```
"""
OUTPUT = """
PLAY RECAP *****
app1  : ok=57   changed=8    failed=0
id 81b870df-79a8-4cd7-a42d-1d7e993aaaba
16s ago
a longer line that ends here
"""


def test_files_and_commands_are_done_in_their_order() -> None:
    assert [*steps(PAGE)] == [
        File("hosts.ini", "# hosts.ini\n[live]\n"),
        Command("first", False, []),
        Command("second", True, ["a line"]),
    ]


@pytest.mark.parametrize(
    ("shown", "lost"),
    [
        ([], ""),
        (["app1 : ok=54 changed=7 failed=0", "id 91b870df-79a8-4cd7-a42d-1d7e993aaaba"], ""),
        (["2h ago"], ""),
        (["a longer … ends here"], ""),
        (["app1  : ok=57   changed=8    failed=0", "PLAY RECAP *****"], "PLAY RECAP *****"),
        (["app2  : ok=57"], "app2  : ok=57"),
    ],
)
def test_lines_that_do_not_come_are_seen(shown: list[str], lost: str) -> None:
    assert missing(shown, OUTPUT) == lost
