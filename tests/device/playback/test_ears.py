"""The microphone's listening process: that it cannot be started is said."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from device.playback.ears import Ears


def test_a_listening_process_that_cannot_be_started_is_a_fault_with_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "away"))
    ears = Ears("default", -45.0)
    until = time.monotonic() + 5
    while not ears.fault and time.monotonic() < until:
        time.sleep(0.01)
    assert ears.fault == "the listening process cannot be started: No such file or directory"
    assert not ears.speaking
