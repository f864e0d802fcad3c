"""What a process and all its children did, as strace(1) saw it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

WATCHED = (
    "open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,truncate,mknod,mknodat,unlink,unlinkat,socket,connect,getsockname,sendto,sendmsg,"
    "sendmmsg,io_uring_setup,open_by_handle_at,ptrace,process_vm_writev,mount"
)
SHOWN_CHARACTERS = 400
_CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+)\s+<\.\.\. (?P<name>getsockname) resumed>(?P<rest>.*)$")
"""Its answer comes at its end; of all others the beginning says enough."""
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_WRITES = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)\b")
_CHANGES = {
    "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "truncate", "mknod", "mknodat", "unlink", "unlinkat",
}  # fmt: skip
_OPENS = {"open", "openat", "openat2"}
_OTHER_WAYS = {"io_uring_setup", "open_by_handle_at", "ptrace", "process_vm_writev", "mount"}
"""Ways past the watched calls; nobody may take them at all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call."""

    name: str
    arguments: str

    def paths(self) -> list[Path]:
        """Return the files it names, made absolute."""
        folder = _FOLDER.match(self.arguments)
        base = Path(folder[1]) if folder else Path("/")
        return [base / text for text in _TEXT.findall(self.arguments)]


def command(trace: Path) -> list[str]:
    """Return the words to put before a command to have it watched."""
    return [
        "strace", "-f", "-y", "-qq", "--seccomp-bpf", f"-s{SHOWN_CHARACTERS}",
        "-o", str(trace), "-e", f"trace={WATCHED}",
    ]  # fmt: skip


def read(trace: Path) -> list[Call]:
    """Return the calls in their order; of one that was interrupted its beginning says enough."""
    return parse(trace.read_text(errors="replace"))


def parse(text: str) -> list[Call]:
    """Return the calls in the text of a trace."""
    found = [_CALL.match(line) or _RESUMED.match(line) for line in text.splitlines()]
    return [Call(match["name"], match["rest"]) for match in found if match]


def written(calls: list[Call]) -> list[Path]:
    """Return every file that was opened for writing, made, renamed or removed."""
    paths = []
    for call in calls:
        if call.name in _CHANGES or (call.name in _OPENS and _WRITES.search(call.arguments)):
            if "EEXIST" in call.arguments and call.name == "mkdir":
                continue
            paths += call.paths()
    return paths


def opened(calls: list[Call]) -> list[Path]:
    """Return every file that was opened, for whatever, or tried to be."""
    return [call.paths()[0] for call in calls if call.name in _OPENS and call.paths()]


def other_ways(calls: list[Call]) -> list[Call]:
    """Return calls that could write without being seen by :func:`written`."""
    return [call for call in calls if call.name in _OTHER_WAYS]


def reached(calls: list[Call]) -> list[str]:
    """Return the addresses that sockets were connected to or wrote to: ``host:port`` or a path.

    A socket of the process's own is left out: the MQTT client wakes its thread through one, made
    on the loopback and asked for its name.
    """
    own: set[str] = set()
    found: list[str] = []
    for call in calls:
        address = _address(call.arguments)
        if address is None:
            continue
        if call.name == "getsockname":
            own.add(address)
        elif call.name in ("connect", "sendto", "sendmsg", "sendmmsg"):
            found.append(address)
    return [address for address in found if address not in own]


def _address(arguments: str) -> str | None:
    port = re.search(r"sin6?_port=htons\((\d+)\)", arguments)
    host = re.search(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', arguments)
    if port and host:
        return f"{host[1]}:{port[1]}"
    path = re.search(r'sun_path=(@?"[^"]*")', arguments)
    if path:
        return path[1]
    other = re.search(r"sa_family=(AF_\w+)", arguments)
    return other[1] if other and other[1] not in ("AF_INET", "AF_INET6") else None
