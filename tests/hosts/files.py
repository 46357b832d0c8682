# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What podman, Ansible and the hosts find in a world: configuration that is written when it begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

from tests.hosts.images import CACHE, STORE, SUITES, image_name

RUN = Path("/run/containers")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = CACHE / "packages"
SHARED = {
    CERTIFICATES: "/etc/ssl/certs/ca-certificates.crt",
    RUN / "pip.conf": "/etc/pip.conf",
    RUN / "uv.toml": "/etc/uv/uv.toml",
    RUN / "key.pub": "/mnt/key.pub",
    PACKAGES: "/mnt/packages",
    Path(__file__).parents[1] / "project": "/mnt/project",
    Path(sys.prefix) / "bin" / "uv": "/mnt/uv",
}
ENVIRONMENT = {
    "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]]),
    "CONTAINERS_CONF": f"{RUN}/containers.conf",
    "CONTAINERS_STORAGE_CONF": f"{RUN}/storage.conf",
    "MOLECULE_EPHEMERAL_DIRECTORY": f"{RUN}/molecule",
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    "ANSIBLE_SSH_ARGS": f"-F {RUN}/ssh_config -o ControlMaster=auto -o ControlPersist=60s",
    "ANSIBLE_SSH_RETRIES": "5",
    "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{RUN}/ssh",
    **{f"STALK_IMAGE_{suite.upper()}": image_name(suite) for suite in SUITES},
}


def write_files(name: str) -> None:
    """Write all files of the world ``name``, in which this process is already."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(RUN / "key")], check=True)
    files = {
        RUN / "ssh_config": ssh_config(),
        RUN / "storage.conf": storage_conf(),
        Path(f"/etc/containers/networks/{bridge(name)}.json"): json.dumps(network(name)),
    }
    if CERTIFICATES.exists():
        files[RUN / "pip.conf"] = f"[global]\ncert = {CERTIFICATES}\n"
        files[RUN / "uv.toml"] = "system-certs = true\n"
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    (RUN / "containers.conf").write_text(containers_conf(name), encoding="utf-8")


def ssh_config() -> str:
    """Return ssh_config(5): how Ansible reaches a host by its name, without a port."""
    sshd = "/usr/sbin/sshd -i -o AuthorizedKeysFile=/mnt/key.pub -o StrictModes=no -o UsePAM=no"
    enter = f"{sys.executable} -IS {Path(__file__).with_name('enter.py')}"
    command = f"mkdir -p /run/sshd && exec {sshd}"
    return "\n".join(
        (
            "Host *",
            "  User root",
            f"  IdentityFile {RUN}/key",
            "  IdentitiesOnly yes",
            f"  ProxyCommand {enter} %h sh -c '{command}'",
            "  StrictHostKeyChecking no",
            "  UserKnownHostsFile /dev/null",
            "  LogLevel ERROR",
            "",
        )
    )


def bridge(name: str) -> str:
    """Return the name of a world's network and of its interface, for which the kernel allows 15 characters.

    No two worlds share a name: netavark names its firewall chains after the network, and removes them with it.
    """
    return f"stalk-{zlib.crc32(name.encode()):08x}"


def ports(name: str) -> tuple[str, str]:
    """Return the names of the two ends of the cable that keeps the bridge when no host is up."""
    return f"stay-{zlib.crc32(name.encode()):08x}", f"loose-{zlib.crc32(name.encode()):08x}"


def subnet(name: str) -> str:
    """Return the first three numbers of the addresses in a world."""
    number = zlib.crc32(name.encode()) % (64 * 256)
    return f"10.{64 + number // 256}.{number % 256}"


def network(name: str) -> dict[str, object]:
    """Return podman's definition of a world's network: names resolve in it, and it reaches the outside.

    The shape is that of ``podman network inspect``, podman-network-inspect(1).
    """
    return {
        "name": bridge(name),
        "id": f"{zlib.crc32(name.encode()):064x}",
        "driver": "bridge",
        "network_interface": bridge(name),
        "created": "2026-01-01T00:00:00Z",
        "subnets": [{"subnet": f"{subnet(name)}.0/24", "gateway": f"{subnet(name)}.1"}],
        "ipv6_enabled": False,
        "internal": False,
        "dns_enabled": True,
        "ipam_options": {"driver": "host-local"},
    }


def containers_conf(name: str) -> str:
    """Return containers.conf(5): what every host sees of the machine, and limits that a machine in a cage can give.

    A host sees the machine's certificates, a cache of Python packages, the sample project and uv, none of them in a
    place where the collection would look.
    """
    volumes = [f"{source}:{target}" for source, target in SHARED.items() if source.exists()]
    return "\n".join(
        (
            "[containers]",
            "pids_limit = 0",
            'default_ulimits = ["nofile=8192:16384", "nproc=8192:16384"]',
            f"volumes = {json.dumps(volumes)}",
            "[network]",
            'network_backend = "netavark"',
            f'default_network = "{bridge(name)}"',
            "[engine]",
            'cgroup_manager = "cgroupfs"',
            'events_logger = "file"',
            'runtime = "crun"',
            "stop_timeout = 1",
            "",
        )
    )


def storage_conf() -> str:
    """Return containers-storage.conf(5): a storage of the world's own, and the images of all."""
    return "\n".join(
        (
            "[storage]",
            'driver = "overlay"',
            'graphroot = "/var/lib/containers/storage"',
            'runroot = "/run/containers/storage"',
            "[storage.options]",
            f'additionalimagestores = ["{STORE}"]',
            "",
        )
    )
