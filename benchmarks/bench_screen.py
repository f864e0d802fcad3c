"""What the screen costs: share of one core at 30 frames a second, per screen of the visit.

The real worker runs on SDL's dummy driver while states arrive as in a visit: readings ten
times a second, a pulse every second, a second of music every second. Run it with

    python -m benchmarks.bench_screen [--size 800x480] [--seconds 6] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, replace

import numpy as np

from device.channels import BoundedQueue, LatestSlot
from device.config import ScreenSettings
from device.interfaces.screen import Screen
from device.readings import Command, KioskState, PulseReading, frozen
from tests.fakes.kiosk_states import (
    CONSENT,
    FAREWELL,
    IDLE,
    MOOD,
    PLAYING,
    SENSING,
    faces,
    point,
    pulse_wave,
)

STATES_PER_S = 10.0
ALLOWED_PERCENT = 15.0
"""Of one core, at 800 x 480 and 30 frames a second."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One screen of the visit, measured."""

    screen: str
    core_percent: float
    frames_per_s: float


def living(state: KioskState, seq: int, now_s: float) -> KioskState:
    """Return ``state`` as it would be now: everything that moves has moved."""
    if state.mood is None:
        return replace(state, seq=seq, updated_at=now_s)
    swing = float(np.sin(now_s * 0.7))
    wave = pulse_wave()
    shift = int((now_s % 8) * 50)
    pulse = PulseReading(
        np.floor(now_s), True, 0.9, 40.0, heart_rate_bpm=72 + 3 * swing, stress=0.4 + 0.2 * swing,
        stress_confidence=0.8, wave=frozen(np.roll(wave, -shift)),
    )  # fmt: skip
    return replace(
        state,
        seq=seq,
        updated_at=now_s,
        faces=faces(0.5 + 0.3 * swing),
        mood=replace(MOOD, estimated_at=now_s, point=point("PA", 0.6 * swing, 0.4 - 0.3 * swing)),
        pulse=pulse,
        player=replace(state.player, position_s=now_s % 200),
    )


def measure(name: str, state: KioskState, size: tuple[int, int], seconds: float) -> Cost:
    """Run the worker on one state for ``seconds`` and return what it cost.

    The states are made in this thread's own time; only the screen's thread is counted.
    """
    settings = ScreenSettings(mode="window", width_px=size[0], height_px=size[1])
    states: LatestSlot[KioskState] = LatestSlot()
    commands: BoundedQueue[Command] = BoundedQueue(16, drop="newest")
    screen = Screen(settings, "en", states, commands, time.monotonic)
    states.put(living(state, 0, time.monotonic()))
    stop = threading.Event()

    def feed() -> None:
        seq = 0
        while not stop.wait(1 / STATES_PER_S):
            seq += 1
            states.put(living(state, seq, time.monotonic()))

    marks: list[tuple[float, float, int]] = []

    def beat() -> None:
        marks.append((time.monotonic(), time.thread_time(), screen.frames_drawn))
        if marks[-1][0] - marks[0][0] > seconds + 1:
            stop.set()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    screen.run(stop, beat)
    feeder.join()
    # The first second opens fonts and paints the background.
    settled = [mark for mark in marks if mark[0] - marks[0][0] > 1]
    (t0, cpu0, frames0), (t1, cpu1, frames1) = settled[0], settled[-1]
    return Cost(name, 100 * (cpu1 - cpu0) / (t1 - t0), (frames1 - frames0) / (t1 - t0))


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 1 when a screen costs more than it may."""
    parser = argparse.ArgumentParser(description="What the screen costs")
    parser.add_argument("--size", default="800x480")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    width, _, height = asked.size.partition("x")
    moments = {
        "idle": IDLE, "consent": CONSENT, "sensing": SENSING, "playing": PLAYING,
        "farewell": FAREWELL,
    }  # fmt: skip
    size = (int(width), int(height))
    costs = [measure(name, state, size, asked.seconds) for name, state in moments.items()]
    if asked.json:
        rows = [{"screen": c.screen, "core_percent": round(c.core_percent, 2),
                 "frames_per_s": round(c.frames_per_s, 1)} for c in costs]  # fmt: skip
        print(json.dumps({"size": asked.size, "allowed_percent": ALLOWED_PERCENT, "screens": rows}))
    else:
        print(f"screen at {asked.size}, 30 frames/s, at most {ALLOWED_PERCENT:.0f} % of one core")
        for cost in costs:
            print(
                f"  {cost.screen:10} {cost.core_percent:5.1f} %  {cost.frames_per_s:5.1f} drawn/s"
            )
    return int(max(cost.core_percent for cost in costs) > ALLOWED_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
