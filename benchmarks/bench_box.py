"""The numbers of the whole box: start, memory, latency, face readings (``make bench``).

Runs the real daemon in a process of its own on a 20,000-track catalogue, the built-in
portrait as camera, the simulated finger, a silent output and a real broker, then asks it
over MQTT and its own log lines. Medians of several runs; nothing here is a test.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.service import MALLOC
from device import kiosk
from device import readings as r
from tests.fakes.synthetic_library import make_library

TRACKS = 20_000
RUNS = 5
LATENCY_S = 20.0


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_box", description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # The made-up library has no files to play.
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_library(folder / "catalogue", args.tracks)
        ready_s, resident_mb = _start_daemon(folder, args.runs)
        latency_ms = _frame_to_state(folder)
        faces_per_s = _faces_on_one_core()
    rows = [
        ("daemon ready, s (median of starts)", statistics.median(ready_s), "≤ 1.5"),
        ("daemon resident, MB (median)", statistics.median(resident_mb), "≤ 250"),
        ("camera frame → published state, ms p50", float(np.percentile(latency_ms, 50)), ""),
        ("camera frame → published state, ms p95", float(np.percentile(latency_ms, 95)), "≤ 100"),
        ("face readings per s on one core", faces_per_s, "≥ 15"),
    ]
    print(f"\n{args.tracks} tracks, {os.cpu_count()} cores, {len(latency_ms)} frames\n")
    print(f"{'what':<44}{'measured':>10}   bar")
    for what, value, bar in rows:
        print(f"{what:<44}{value:>10.2f}   {bar}")
    return 0


def _config(folder: Path) -> Path:
    path = folder / "kiosk.toml"
    path.write_text(
        f"""
[kiosk]
state_dir = "{folder / "state"}"
[camera]
source = "builtin"
[sensor]
port = "simulated"
[catalog]
folder = "{folder / "catalogue"}"
[playback]
output = "null"
[screen]
mode = "none"
"""
    )
    return path


def _start_daemon(folder: Path, runs: int) -> tuple[list[float], list[float]]:
    """Start the daemon ``runs`` times; return seconds to readiness and resident MB.

    Memory is that of the daemon and its children together, 15 s after it is ready, with the
    camera open: the simulated finger has given consent by then.
    """
    ready_s, resident_mb = [], []
    command = [sys.executable, "-m", "device.cli", "run", "--config", str(_config(folder))]
    for _ in range(runs):
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | MALLOC
        )
        assert process.stdout is not None
        for line in process.stdout:
            if b"ready after" in line:
                ready_s.append(time.monotonic() - began)
                break
        time.sleep(15)
        resident_mb.append(_resident_mb(process.pid))
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    return ready_s, resident_mb


def _resident_mb(pid: int) -> float:
    """Return the proportional set size of a process and its children, in MB."""
    total_kb = 0
    for one in [pid, *_children(pid)]:
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total_kb += int(line.split()[1])
    return total_kb / 1024


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def _frame_to_state(folder: Path) -> Sequence[float]:
    """Return ms from a frame's capture to the state that first carries its reading."""
    from device.config import load

    settings = load(_config(folder))
    house = kiosk.build(settings)
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=kiosk.run, args=(house, stop, ready.set), daemon=True)
    thread.start()
    ready.wait(30)
    house.commands.put(r.Start(source="local"))
    time.sleep(0.5)
    house.commands.put(r.Consent(source="local", camera=True))
    time.sleep(3)
    latencies, version, last = [], 0, 0.0
    end = time.monotonic() + LATENCY_S
    while time.monotonic() < end:
        version, state = house.state.wait_newer(version, 1)
        if state and state.faces and state.faces.captured_at > last:
            last = state.faces.captured_at
            latencies.append(1000 * (state.updated_at - last))
    stop.set()
    thread.join(10)
    return latencies


def _faces_on_one_core() -> float:
    """Return frames read per second (detect, crop, classify) with the process on one core."""
    from device.config import FaceSettings
    from device.sensing.face.detector import make_detector
    from device.sensing.face.reader import FaceReader
    from device.sensing.pictures import builtin_picture

    available = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(available)})
    try:
        settings = FaceSettings()
        reader = FaceReader(settings, make_detector(settings))
        picture = builtin_picture(640, 480)
        for seq in range(10):
            reader.read(r.Frame(seq, time.monotonic(), picture))
        began, count = time.monotonic(), 0
        while time.monotonic() - began < 5:
            reader.read(r.Frame(count, time.monotonic(), picture))
            count += 1
        return count / (time.monotonic() - began)
    finally:
        os.sched_setaffinity(0, available)


if __name__ == "__main__":
    sys.exit(main())
