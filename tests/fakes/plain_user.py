"""Runs a script as somebody whom the rights of files bind, also where the tests are root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def as_plain_user(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python; root loses the two rights that let it read and write everything."""
    command = [sys.executable, "-c", script, *map(str, words)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything, and there is no setpriv to take that away")
        command[:0] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
