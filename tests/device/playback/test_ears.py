"""The microphone's listening process: that it cannot be started is said."""

from __future__ import annotations

import subprocess
import sys

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
