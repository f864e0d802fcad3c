"""MediaPipe against driving the same face model straight through LiteRT (``make bench-face``).

Each way runs in a process of its own on one core: start-up, memory, time per 640x480 frame,
agreement of the boxes over sizes; then whole face readings per second.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time

import cv2
import numpy as np

SIZES_PX = (200, 140, 104, 80, 60, 48, 40, 36, 32, 28)
FRAMES = 300


def main() -> int:
    """Print the table, or with a detector's name as argument measure that one."""
    if len(sys.argv) > 1:
        print(json.dumps(_measure(sys.argv[1])))
        return 0
    results = {}
    for name in ("mediapipe", "litert"):
        command = [sys.executable, "-m", "benchmarks.bench_face", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results[name] = json.loads(done.stdout.splitlines()[-1])
    print(f"{'':<34}{'mediapipe':>12}{'litert':>12}")
    for key in ("start-up, s", "memory it adds, MB", "per frame, ms p50", "per frame, ms p95",
                "face readings per s, one core", "sizes found of 10"):  # fmt: skip
        print(f"{key:<34}" + "".join(f"{results[name][key]:>12.2f}" for name in results))
    overlaps = [
        _overlap(a, b)
        for a, b in zip(results["mediapipe"]["boxes"], results["litert"]["boxes"], strict=True)
        if a and b
    ]
    print(f"boxes agree (IoU): median {np.median(overlaps):.2f}, least {min(overlaps):.2f}")
    return 0


def _measure(name: str) -> dict[str, object]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from device.config import FaceSettings
    from device.readings import Frame
    from device.sensing.camera import BUILTIN, builtin_picture, read_picture

    portrait, view = read_picture(BUILTIN), builtin_picture(640, 480)
    before_mb, began = _peak_mb(), time.perf_counter()
    from device.sensing.face import FaceReader, make_detector

    detector = make_detector(FaceSettings(detector=name))
    detector.detect(view)
    start_s, added_mb = time.perf_counter() - began, _peak_mb() - before_mb
    times_s = []
    for _ in range(FRAMES):
        began = time.perf_counter()
        detector.detect(view)
        times_s.append(time.perf_counter() - began)
    boxes = []
    for size in SIZES_PX:
        found = detector.detect(_shown(portrait, size))
        box = found[0].box if found else None
        boxes.append(box and [box.x_px, box.y_px, box.width_px, box.height_px])
    reader = FaceReader(FaceSettings(detector=name), detector)
    began = time.perf_counter()
    for number in range(FRAMES):
        reader.read(Frame(number, number / 15, view))
    return {
        "start-up, s": start_s,
        "memory it adds, MB": added_mb,
        "per frame, ms p50": 1000 * float(np.percentile(times_s, 50)),
        "per frame, ms p95": 1000 * float(np.percentile(times_s, 95)),
        "face readings per s, one core": FRAMES / (time.perf_counter() - began),
        "sizes found of 10": sum(box is not None for box in boxes),
        "boxes": boxes,
    }


def _shown(portrait: np.ndarray, face_px: float) -> np.ndarray:
    scale = face_px / 104
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    view = np.full((480, 640, 3), 90, np.uint8)
    height, width = min(small.shape[0], 480), min(small.shape[1], 640)
    view[:height, :width] = small[:height, :width]
    return view


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _overlap(a: list[float], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


if __name__ == "__main__":
    sys.exit(main())
