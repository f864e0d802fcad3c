"""Starts a program below the limits of a unit file, as far as one can without systemd.

``python -m tests.fakes.service_limits [--mdwe] UNIT COMMAND...`` sets the unit's system call
filter (by libseccomp, which systemd uses too), no new privileges, no core dumps, the umask, no
swap-in of rights; with ``--mdwe`` also what MemoryDenyWriteExecute= asks for (PR_SET_MDWE).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import resource
import subprocess
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
PR_SET_MDWE = 65
PR_MDWE_REFUSE_EXEC_GAIN = 1
"""prctl(2), Linux 6.3."""
SCMP_ACT_ALLOW = 0x7FFF0000
SCMP_ACT_ERRNO = 0x00050000
EPERM = 1
NOT_KNOWN = -1


class LimitsError(Exception):
    """This machine cannot set the limits; the message says which."""


def unit_lines(unit: Path) -> dict[str, list[str]]:
    """Return the keys of [Service], each with all its values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().split("[Service]")[1].splitlines():
        key, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def allowed_calls(lines: dict[str, list[str]]) -> set[str]:
    """Return the names of the system calls that SystemCallFilter= leaves."""
    allowed: set[str] = set()
    for value in lines["SystemCallFilter"]:
        takes_away = value.startswith("~")
        for group in value.lstrip("~").split():
            names = expand(group)
            allowed = allowed - names if takes_away else allowed | names
    return allowed


def expand(group: str) -> set[str]:
    """Return the calls of a group such as @system-service, with those of the groups in it."""
    if not group.startswith("@"):
        return {group}
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", group],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = [line.strip() for line in done.stdout.splitlines()[1:]]
    members = [word for word in words if word and not word.startswith("#")]
    return set().union(*(expand(member) for member in members)) if members else set()


def filter_calls(allowed: set[str]) -> None:
    """Refuse every other system call with EPERM, for this process and all it starts."""
    name = ctypes.util.find_library("seccomp") or "libseccomp.so.2"
    try:
        library = ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise LimitsError(f"libseccomp is missing (apt install libseccomp2): {error}") from error
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(SCMP_ACT_ERRNO | EPERM)))
    for call in allowed:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number != NOT_KNOWN:
            library.seccomp_rule_add(context, ctypes.c_uint32(SCMP_ACT_ALLOW), number, 0)
    if library.seccomp_load(context):
        raise LimitsError("the kernel takes no system call filter")


def deny_write_execute() -> None:
    """Set what newer versions of systemd set for MemoryDenyWriteExecute=."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        raise LimitsError("this kernel has no PR_SET_MDWE (Linux 6.3)")


def main() -> None:
    """Set the limits and become the command."""
    words = sys.argv[1:]
    mdwe = words[0] == "--mdwe"
    unit, *command = words[1:] if mdwe else words
    lines = unit_lines(Path(unit))
    calls = allowed_calls(lines)
    for setting in [word for line in lines.get("Environment", []) for word in line.split()]:
        key, _, value = setting.partition("=")
        if key.startswith("PYTHON"):
            os.environ[key] = value
    resource.setrlimit(resource.RLIMIT_CORE, (int(lines["LimitCORE"][0]),) * 2)
    os.umask(int(lines["UMask"][0], 8))
    library = ctypes.CDLL(None)
    library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if mdwe:
        deny_write_execute()
    filter_calls(calls)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
