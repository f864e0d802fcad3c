"""The watch itself sees what it must: planted offences are found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import strace

OFFENCES = """
import os, socket, sys, pathlib
folder = sys.argv[1]
os.chdir(folder)
open("relative.jpg", "wb").write(b"x")
pathlib.Path(folder, "made").mkdir()
os.rename("relative.jpg", "made/frame.jpg")
os.open(folder, os.O_RDWR | os.O_TMPFILE)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.sendto(b"face", ("127.0.0.1", 9))
stream = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
stream.connect_ex(("::1", 9, 0, 0))
local = socket.socket(socket.AF_UNIX)
local.connect_ex("/nonexistent/socket")
if os.fork() == 0:
    open("/dev/null", "w").close()
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt install strace)")
def test_planted_offences_are_seen(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    place = tmp_path / "place"
    place.mkdir()
    subprocess.run(
        [*strace.command(trace), sys.executable, "-c", OFFENCES, str(place)], check=True, timeout=60
    )
    calls = strace.read(trace)
    written = set(strace.written(calls))
    assert {place / "relative.jpg", place / "made"} <= written
    # rename(2) tells no folder, so a relative name counts as one outside.
    assert Path("/made/frame.jpg") in written
    assert place in written
    assert Path("/dev/null") in written
    assert set(strace.reached(calls)) == {"127.0.0.1:9", "::1:9", '"/nonexistent/socket"'}


def test_interrupted_calls_count_by_their_beginning() -> None:
    calls = strace.parse(
        '12 openat(AT_FDCWD</home/x>, "face.png", O_RDWR|O_CREAT, 0644 <unfinished ...>\n'
        "12 <... openat resumed>) = 3</home/x/face.png>\n"
        '13 openat(AT_FDCWD</>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 4</etc/passwd>\n'
    )
    assert strace.written(calls) == [Path("/home/x/face.png")]
    assert strace.other_ways(strace.parse("14 io_uring_setup(8, 0x7f) = 3\n"))
