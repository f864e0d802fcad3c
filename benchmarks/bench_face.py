"""MediaPipe against driving the same face model straight through LiteRT (``make bench-face``).

Each way runs in fresh processes on one core, by turns: start-up, memory, time per 640x480 frame,
agreement of the boxes over sizes; then whole face readings per second. Ratios are of one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from device.config import FaceSettings
    from device.sensing.face.detector import Detection

SIZES_PX = (200, 140, 104, 80, 60, 48, 40, 36, 32, 28)
PORTRAIT_FACE_PX = 104
FRAMES = 150
PAUSE_S = 0.015
"""Frames come one by one. A process that never rests is set back by the system's scheduler on a
busy machine, one that rests is not: without the pause the load is measured, not the detector."""
WAYS = ("mediapipe", "litert")
ROWS = (
    "start-up, s",
    "start-up, s of CPU",
    "memory it adds, MB",
    "one look, ms p50",
    "one look, ms p95",
    "one look, ms of CPU",
    "one look finds, of 10 sizes",
    "with second looks, of 10 sizes",
    "readings/s, near face",
    "readings/s, far face (35 px)",
    "frames/s, empty room",
)
NEEDED_PER_S = 15


def main() -> int:
    """Print the table; with ``--only`` measure one way and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_face", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="fresh processes of each way")
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(_measure(args.only)))
        return 0
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(args.runs):
        for way in WAYS:
            runs[way].append(_in_a_process(way))
    _print(runs)
    return 0


def _in_a_process(way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bench_face", "--only", way]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _print(runs: dict[str, list[dict[str, Any]]]) -> None:
    count = len(runs[WAYS[0]])
    print(f"medians of {count} runs each; load of the machine {os.getloadavg()[0]:.1f}\n")
    print(f"{'':<34}{'mediapipe':>11}{'litert':>11}{'ratio':>9}")
    for row in ROWS:
        ours = [float(np.median([run[row] for run in runs[way]])) for way in WAYS]
        print(f"{row:<34}{ours[0]:>11.2f}{ours[1]:>11.2f}{ours[0] / ours[1]:>9.2f}")
    print(f"bar: readings/s on one core >= {NEEDED_PER_S}")
    pairs = zip(runs["mediapipe"][0]["boxes"], runs["litert"][0]["boxes"], strict=True)
    overlaps = [_overlap(a, b) for a, b in pairs if a and b]
    print(f"boxes of one look agree (IoU): median {np.median(overlaps):.2f},"
          f" least {min(overlaps):.2f}, of {len(overlaps)} sizes both found")  # fmt: skip


def _measure(way: str) -> dict[str, Any]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from device.config import FaceSettings
    from device.sensing.pictures import BUILTIN, builtin_picture, read_picture
    from models_tflite.expression import ExpressionNet

    portrait, view = read_picture(BUILTIN), builtin_picture(640, 480)
    ExpressionNet.load()  # The daemon has LiteRT in memory in any case.
    settings = FaceSettings.model_validate({"detector": way})
    before_mb, began, began_cpu = _resident_mb(), time.perf_counter(), time.process_time()
    from device.sensing.face.detector import LiteRtDetector, MediaPipeDetector

    kind: Any = MediaPipeDetector if way == "mediapipe" else LiteRtDetector
    with closing(kind(settings.min_score)) as detector:
        detector.detect(view)
        start_s, start_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        added_mb = _resident_mb() - before_mb
        began_cpu = time.process_time()
        times_ms = _times_ms(lambda: detector.detect(view))
        look_cpu_ms = 1000 * (time.process_time() - began_cpu) / FRAMES
        looks = [detector.detect(_shown(portrait, size)) for size in SIZES_PX]
    return {
        "start-up, s": start_s,
        "start-up, s of CPU": start_cpu_s,
        "memory it adds, MB": added_mb,
        "one look, ms p50": float(np.percentile(times_ms, 50)),
        "one look, ms p95": float(np.percentile(times_ms, 95)),
        "one look, ms of CPU": look_cpu_ms,
        "one look finds, of 10 sizes": sum(bool(found) for found in looks),
        "boxes": [_corners(found) for found in looks],
        **_readings(settings, portrait, view),
    }


def _readings(
    settings: FaceSettings, portrait: NDArray[np.uint8], near: NDArray[np.uint8]
) -> dict[str, Any]:
    """Return the rows of the whole way: detect with second looks, crop, classify, smooth."""
    from device.readings import Frame
    from device.sensing.face import FaceReader, make_detector

    def per_s(view: NDArray[np.uint8]) -> float:
        with closing(make_detector(settings)) as detector:
            reader = FaceReader(settings, detector)
            reader.read(Frame(0, 0.0, view))
            times_ms = _times_ms(lambda: reader.read(Frame(1, 0.1, view)))
        return 1000 / float(np.mean(times_ms))

    with closing(make_detector(settings)) as detector:
        sizes = sum(bool(detector.detect(_shown(portrait, size))) for size in SIZES_PX)
    return {
        "with second looks, of 10 sizes": sizes,
        "readings/s, near face": per_s(near),
        "readings/s, far face (35 px)": per_s(_shown(portrait, 35)),
        "frames/s, empty room": per_s(np.full((480, 640, 3), 90, np.uint8)),
    }


def _times_ms(work: Callable[[], object]) -> list[float]:
    times_ms = []
    for _ in range(FRAMES):
        time.sleep(PAUSE_S)
        began = time.perf_counter()
        work()
        times_ms.append(1000 * (time.perf_counter() - began))
    return times_ms


def _shown(portrait: NDArray[np.uint8], face_px: float) -> NDArray[np.uint8]:
    """Return a 640x480 view with the portrait's face ``face_px`` high."""
    scale = face_px / PORTRAIT_FACE_PX
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    view = np.full((480, 640, 3), 90, np.uint8)
    height, width = min(small.shape[0], 480), min(small.shape[1], 640)
    view[:height, :width] = small[:height, :width]
    return view


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _corners(found: list[Detection]) -> list[float] | None:
    if not found:
        return None
    box = found[0].box
    return [box.x_px, box.y_px, box.width_px, box.height_px]


def _overlap(a: list[float], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


if __name__ == "__main__":
    sys.exit(main())
