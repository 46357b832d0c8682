# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd means by the exit codes with which it gives up before it runs a program: systemd.exec(5)."""

from __future__ import annotations

_NAMES = {
    200: "CHDIR",
    201: "NICE",
    202: "FDS",
    203: "EXEC",
    204: "MEMORY",
    205: "LIMITS",
    206: "OOM_ADJUST",
    207: "SIGNAL_MASK",
    208: "STDIN",
    209: "STDOUT",
    210: "CHROOT",
    211: "IOPRIO",
    212: "TIMERSLACK",
    213: "SECUREBITS",
    214: "SETSCHEDULER",
    215: "CPUAFFINITY",
    216: "GROUP",
    217: "USER",
    218: "CAPABILITIES",
    219: "CGROUP",
    220: "SETSID",
    221: "CONFIRM",
    222: "STDERR",
    224: "PAM",
    225: "NETWORK",
    226: "NAMESPACE",
    227: "NO_NEW_PRIVILEGES",
    228: "SECCOMP",
    229: "SELINUX_CONTEXT",
    230: "PERSONALITY",
    231: "APPARMOR",
    232: "ADDRESS_FAMILIES",
    233: "RUNTIME_DIRECTORY",
    235: "CHOWN",
    236: "SMACK_PROCESS_LABEL",
    237: "KEYRING",
    238: "STATE_DIRECTORY",
    239: "CACHE_DIRECTORY",
    240: "LOGS_DIRECTORY",
    241: "CONFIGURATION_DIRECTORY",
    242: "NUMA_POLICY",
    243: "CREDENTIALS",
    245: "BPF",
}
_SANDBOX = "Take the directive out of the environment's 'sandbox', or write a value there that this host can set up."
_LIMITS = "Correct the environment's 'limits'."
_DIRECTORY = (
    "A directory of its name below /run, /var/lib, /var/log or /var/cache cannot be made: something else is there."
)
_HINTS = {
    "CHDIR": "Its working directory does not exist, its user may not enter it, or the sandbox hides it: "
    "check the environment's 'directory'.",
    "EXEC": "systemd could not execute it: check the environment's 'virtualenv', and whether its 'sandbox' hides that.",
    "USER": "Its user does not exist: check the environment's 'user'.",
    "GROUP": "Its group, or one of its SupplementaryGroups, does not exist: check the environment's 'group', and its "
    "'sandbox'.",
    "NAMESPACE": "Its sandbox could not be set up: a path in ReadWritePaths, BindPaths or BindReadOnlyPaths of the "
    "environment's 'sandbox', or in 'write_paths', does not exist (make it, or write -/path in 'sandbox' to go without "
    "it), or this host (a container?) allows no namespaces.",
    "CAPABILITIES": _SANDBOX,
    "NO_NEW_PRIVILEGES": _SANDBOX,
    "SECCOMP": _SANDBOX,
    "PERSONALITY": _SANDBOX,
    "ADDRESS_FAMILIES": _SANDBOX,
    "KEYRING": _SANDBOX,
    "NETWORK": _SANDBOX,
    "BPF": _SANDBOX,
    "NICE": _LIMITS,
    "LIMITS": _LIMITS,
    "OOM_ADJUST": _LIMITS,
    "CGROUP": "Its control group cannot be made: check Slice in the environment's 'limits'.",
    "RUNTIME_DIRECTORY": _DIRECTORY,
    "STATE_DIRECTORY": _DIRECTORY,
    "CACHE_DIRECTORY": _DIRECTORY,
    "LOGS_DIRECTORY": _DIRECTORY,
    "CREDENTIALS": "A credential of one of its drop-ins cannot be read.",
}
_OTHER = "It is about the unit, its drop-ins or this host, not about the code."


def name(status: str) -> str:
    """Return what systemd calls the exit ``status``, empty for one that is the program's own."""
    return _NAMES.get(int(status), "") if status.isdigit() else ""


def hint(status: str) -> str:
    """Return what to do about it, empty for one that is the program's own."""
    called = name(status)
    return _HINTS.get(called, _OTHER) if called else ""
