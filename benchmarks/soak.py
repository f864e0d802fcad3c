"""Visits one after the other for hours: memory, threads and file handles must stay flat.

``python -m benchmarks.soak --hours 1 --out build/soak`` runs the whole kiosk as its own process
(portrait as camera, simulated finger, real broker and player into a silent output), lets a visitor
come and go all the time and leaves soak.csv, soak.png and a verdict. Exit code 1 when not flat.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from tests.fakes.kiosk_at_work import KioskAtWork

SAMPLE_S = 10.0
WARM_UP = 0.25
"""First part that does not count: models, caches and the allocator settle."""
MEMORY_GROWTH_MAX_MIB_H = 10.0
"""Measured slope plus its uncertainty; a leak of one 640 x 480 frame a visit is 100 times that."""
HANDLES_GROWTH_MAX = 2
CHANGES = ("skip", "like", "dislike", "pause", "play")


@dataclass(frozen=True, slots=True)
class Sample:
    """The kiosk and its children at one moment."""

    at_s: float
    visits: int
    rss_mib: float
    threads: int
    handles: int
    children: int
    cpu_s: float


def processes(pid: int) -> list[int]:
    """Return the process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def take_sample(pid: int, at_s: float, visits: int) -> Sample:
    """Look at /proc (proc(5))."""
    rss_kib = threads = handles = 0
    ticks = 0
    every = processes(pid)
    for one in every:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines()
        )
        rss_kib += int(status["VmRSS"].split()[0])
        threads += int(status["Threads"])
        handles += len(list(Path(f"/proc/{one}/fd").iterdir()))
        stat = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(stat[11]) + int(stat[12])
    return Sample(
        round(at_s, 1), visits, rss_kib / 1024, threads, handles, len(every) - 1, ticks / 100
    )


def live(kiosk: KioskAtWork, hours: float) -> list[Sample]:
    """Let visitors come and go; return what was measured between and during the visits."""
    chance = random.Random(1)
    began, visits = time.monotonic(), 0
    samples: list[Sample] = []
    while (at_s := time.monotonic() - began) < hours * 3600:
        kiosk.to_playing()
        for _ in range(chance.randint(1, 4)):
            time.sleep(chance.uniform(0.5, 4))
            kiosk.say(chance.choice(CHANGES))
        if not samples or at_s - samples[-1].at_s >= SAMPLE_S:
            samples.append(take_sample(kiosk.pid, at_s, visits))
            print(samples[-1], flush=True)
        kiosk.end_visit()
        kiosk.house.forget()
        visits += 1
    return samples


def verdict(samples: Sequence[Sample]) -> list[str]:
    """Return what is not flat, one line each; empty when all is."""
    settled = samples[int(len(samples) * WARM_UP) :]
    if len(settled) < 8:
        return ["too short to tell: run it longer"]
    hours = np.array([sample.at_s for sample in settled]) / 3600
    memory = np.array([sample.rss_mib for sample in settled])
    (slope, _), covariance = np.polyfit(hours, memory, 1, cov=True)
    faults = []
    print(f"soak: memory {slope:+.2f} ± {2 * covariance[0, 0] ** 0.5:.2f} MiB/h")
    if slope > MEMORY_GROWTH_MAX_MIB_H:
        faults.append(f"memory grows by {slope:.1f} MiB/h")
    half = len(settled) // 2
    for name in ("threads", "handles", "children"):
        values = [getattr(sample, name) for sample in settled]
        growth = max(values[half:]) - max(values[:half])
        print(f"soak: {name} at most {max(values)}, {growth:+d} from half to half")
        if growth > HANDLES_GROWTH_MAX:
            faults.append(f"{name} grow by {growth}")
    return faults


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draw memory, threads and handles over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, sharex=True, figsize=(9, 7))
    minutes = [sample.at_s / 60 for sample in samples]
    for axis, name, label in zip(
        axes, ("rss_mib", "threads", "handles"), ("memory, MiB", "threads", "file handles"),
        strict=True,
    ):  # fmt: skip
        axis.plot(minutes, [getattr(sample, name) for sample in samples])
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].set_title(f"{samples[-1].visits} visits")
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path("build/soak"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with KioskAtWork((args.out / "kiosk").absolute()) as kiosk:
        kiosk.start()
        samples = live(kiosk, args.hours)
        code = kiosk.stop()
    with (args.out / "soak.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)
    draw(samples, args.out / "soak.png")
    faults = verdict(samples)
    if code:
        faults.append(f"the kiosk ended with {code}")
    for fault in faults:
        print(f"soak: NOT FLAT: {fault}", file=sys.stderr)
    print(f"soak: {samples[-1].visits + 1} visits; look at {args.out}/soak.png")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
