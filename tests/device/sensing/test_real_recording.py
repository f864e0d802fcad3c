"""A real finger, played by a simulated sensor on a pseudo-terminal, through the whole path."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from device.channels import BoundedQueue, LatestSlot
from device.commands.pulse import analyse_file
from device.config import PulseSettings, SensorSettings
from device.readings import PpgBlock, PulseReading, SensorStatus
from device.sensing.pulse import PulseWorker
from device.sensing.sensor import SensorWorker
from firmware_bridge.simulated_finger import as_ten_bits
from firmware_bridge.simulator import SimulatedSensor
from tests.data_folder import data_folder

SPEED = 8.0
"""Our own frames bring the sensor's clock along, so the recording may be played faster."""


@pytest.mark.parametrize("subject", ["subject_02", "subject_06"])
def test_a_recorded_finger_has_the_heart_rate_of_its_chest_strap(subject: str) -> None:
    folder = data_folder("welltory_ppg") / subject
    channel, _ = analyse_file(folder / "PPG.csv")
    strap_ms = np.array((folder / "RR.txt").read_text().split(), float)
    adc = as_ten_bits(channel.samples)
    blocks: BoundedQueue[PpgBlock] = BoundedQueue(256, drop="oldest")
    readings: LatestSlot[PulseReading] = LatestSlot()
    status: LatestSlot[SensorStatus] = LatestSlot()
    stop = threading.Event()
    with SimulatedSensor(adc, channel.rate_hz, speed=SPEED) as finger:
        settings = SensorSettings.model_validate({"port": finger.path})
        workers = (
            PulseWorker(PulseSettings(), blocks, readings, time.monotonic),
            SensorWorker(settings, blocks, status),
        )
        threads = [
            threading.Thread(target=w.run, args=(stop, lambda: None), daemon=True) for w in workers
        ]
        for thread in threads:
            thread.start()
        try:
            found = _first_with_variability(readings)
        finally:
            stop.set()
            for thread in threads:
                thread.join(3)
    assert found.heart_rate_bpm is not None
    assert found.heart_rate_bpm == pytest.approx(60_000 / strap_ms.mean(), abs=6)
    assert found.quality > 0.6


def _first_with_variability(readings: LatestSlot[PulseReading]) -> PulseReading:
    end, version = time.monotonic() + 20, 0
    while time.monotonic() < end:
        version, reading = readings.wait_newer(version, 1)
        if reading is not None and reading.rmssd_ms is not None:
            return reading
    raise AssertionError(f"no variability; last {readings.latest()}")
