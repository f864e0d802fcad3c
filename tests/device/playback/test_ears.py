"""The microphone's listening process: that it cannot be started, or hangs, is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, time
sys.executable = "/away/python"
from device.playback.ears import Ears
ears = Ears("default", -45.0)
until = time.monotonic() + 5
while not ears.fault and time.monotonic() < until:
    time.sleep(0.01)
print(ears.fault, ears.speaking)
"""


def test_a_listening_process_that_cannot_be_started_is_a_fault_with_a_name() -> None:
    # In a process of its own, for the ears never stop trying.
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    said = "the listening process cannot be started: No such file or directory"
    assert found.stdout.strip() == f"{said} False"
    assert said in found.stderr


HANGS = """
import sys, time
from device.playback import ears
sys.executable, ears.HANGS_S, ears.RETRY_S = sys.argv[1], 0.5, 0.1
mine = ears.Ears("default", -45.0)
def until(holds):
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
until(lambda: mine.fault)
print(mine.fault)
until(lambda: not mine.fault)
print(f"again: {mine.fault!r}")
"""


def test_a_microphone_that_hangs_is_said_and_tried_again(tmp_path: Path) -> None:
    listener = tmp_path / "listener"
    listener.write_text("#!/bin/sh\necho -40.0\nexec sleep 5\n")
    listener.chmod(0o755)
    found = subprocess.run(
        [sys.executable, "-c", HANGS, str(listener)], capture_output=True, text=True, check=False
    )
    assert found.stdout.splitlines() == [
        "microphone default says nothing: unplug it and plug it in again",
        "again: ''",
    ], found.stderr
