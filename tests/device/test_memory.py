"""Freed memory: large blocks leave the process, whatever was freed before."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from device.memory import keep_memory_small

def anonymous_kib():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))

if sys.argv[1] == "told":
    assert keep_memory_small()
np.ones(30 << 20, np.uint8)  # Freed at once: glibc takes blocks of this size as usual.
before, small = anonymous_kib(), []
for _ in range(20):
    frames = [np.ones(900_000, np.uint8) for _ in range(10)]
    small.append(np.ones(100_000, np.uint8))  # Stays, behind the frames.
    del frames
print(anonymous_kib() - before)
"""


def growth_kib(how: str) -> int:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True
    )
    return int(found.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_frames_leave_no_holes_behind() -> None:
    assert growth_kib("told") < 3000  # The small ones are 2000.
    assert growth_kib("not told") > 8000
