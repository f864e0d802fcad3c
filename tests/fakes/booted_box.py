"""A Debian that has booted, with systemd as process 1, in a container of its own network."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

BOOT_S = 120.0
STOP_S = 60.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# bpf(2) is how systemd limits devices and network; nspawn forbids it by default.
# On a machine whose control groups are the old kind, systemd in the container is shown the new
# kind alone; all mounts are seen by the container only.
_START = """
set -eu
if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount -R /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p "/sys/fs/cgroup/$1"
    echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"
    keep=--keep-unit
fi
mkdir -p "$4/changes" "$4/work" "$4/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$4/changes,workdir=$4/work" "$4/root"
exec systemd-nspawn --quiet --register=no ${keep:-} --machine="$1" --directory="$4/root" --boot \\
    --private-network --console=pipe --system-call-filter=bpf --bind-ro="$3:/box" </dev/null
"""


class BootedBox:
    """Boots a root folder; what happens in it is written beside and gone afterwards."""

    def __init__(self, root: Path, given: Path) -> None:
        """``given`` is seen in the box, read-only, as /box."""
        self._root = root
        self._given = given
        self._name = f"attune-{os.getpid()}"
        self._log = given.parent / "console.log"
        # Not in the folder for temporary files: an upgrade writes a gigabyte.
        self._changes = root.with_name(f"{root.name}-changes-{os.getpid()}")

    def __enter__(self) -> Self:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _START, "start"]
        with self._log.open("wb") as log:
            self._container = subprocess.Popen(
                [*command, self._name, str(self._root), str(self._given), str(self._changes)],
                stdout=log,
                stderr=log,
            )
        self._leader = ""
        self.wait(self._find_leader, "its first process", BOOT_S)
        self.wait(lambda: self._state() in ("running", "degraded"), "the end of booting", BOOT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._leader:
            self.try_run("systemctl poweroff --no-block")
        try:
            self._container.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._container.terminate()
            self._container.wait(STOP_S)
        shutil.rmtree(self._changes, ignore_errors=True)

    def run(self, script: str, timeout_s: float = 120.0) -> str:
        """Run a shell script as root in the box and return what it prints; it must succeed."""
        done = self.try_run(script, timeout_s)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def try_run(self, script: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root in the box."""
        names = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        return subprocess.run(
            ["nsenter", "--target", self._leader, *names, "env", "-i", f"PATH={PATH}", "HOME=/root",
             "LANG=C.UTF-8", "sh", "-c", script],
            capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def show(self, unit: str, *names: str) -> list[str]:
        """Return properties of a unit."""
        wanted = " ".join(f"-p {name}" for name in names)
        said = dict(line.split("=", 1) for line in self._lines(f"systemctl show {unit} {wanted}"))
        return [said[name] for name in names]

    def journal(self, unit: str, cursor: str = "") -> str:
        """Return what a unit said, since :meth:`cursor`."""
        after = f"--after-cursor='{cursor}'" if cursor else ""
        return self.run(f"journalctl --sync; journalctl --no-pager -o cat -u {unit} {after}")

    def cursor(self) -> str:
        """Return the place in the journal that has been reached."""
        lines = self._lines("journalctl --sync; journalctl -n 0 --show-cursor --no-pager")
        return lines[-1].split("cursor: ")[-1]

    def write(self, path: str, text: str) -> None:
        """Write a file in the box, readable for everybody."""
        self.run(f"base64 -d >{path} <<'.'\n{b64encode(text.encode()).decode()}\n.\n")

    def drop_in(self, unit: str, text: str) -> None:
        """Change a unit for one test."""
        folder = f"/run/systemd/system/{unit}.d"
        self.run(f"mkdir -p {folder}")
        self.write(f"{folder}/test.conf", text + "\n")
        self.run("systemctl daemon-reload")

    def undo_drop_ins(self) -> None:
        """Leave the units as they are shipped."""
        self.run("rm -rf /run/systemd/system/attune*.d; systemctl daemon-reload;"
                 " systemctl reset-failed 'attune*' || true")  # fmt: skip

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Wait until ``condition()`` holds."""
        end = time.monotonic() + timeout_s
        while not condition():
            tail = self._log.read_text(errors="replace")[-2000:]
            assert self._container.poll() is None, f"the container ended: {tail}"
            assert time.monotonic() < end, f"no {what} within {timeout_s:.0f} s; {tail}"
            time.sleep(0.3)

    def _lines(self, script: str) -> list[str]:
        return [line for line in self.run(script).splitlines() if line]

    def _state(self) -> str:
        return self.try_run("systemctl is-system-running").stdout.strip()

    def _find_leader(self) -> bool:
        for process in _children(self._container.pid):
            if Path(f"/proc/{process}/comm").read_text().strip() in ("systemd", "init"):
                self._leader = str(process)
        return bool(self._leader)


def _children(process: int) -> list[int]:
    file = Path(f"/proc/{process}/task/{process}/children")
    return [int(word) for word in file.read_text().split()] if file.exists() else []


def why_not() -> str:
    """Return why no box can boot here; empty if one can."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("systemd-nspawn") is None:
        return "needs systemd-nspawn (apt install systemd-container)"
    return ""
