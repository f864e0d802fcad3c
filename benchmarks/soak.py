"""Visits one after the other for hours: memory, threads and file handles must stay flat.

``python -m benchmarks.soak --hours 1 --out build/soak`` runs the whole kiosk as its own process
(portrait as camera, simulated finger, real broker and player into a silent output, the screen
drawing into memory) and lets a visitor come and go all the time. Every few minutes something
happens to it as well: the broker restarts, the finger sensor is unplugged, the catalogue is
rebuilt. It leaves soak.csv, soak.png and a verdict. Exit code 1 when not flat.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.service import MALLOC
from benchmarks.soak_plot import Line, draw
from firmware_bridge.simulator import SimulatedSensor
from tests.fakes.kiosk_at_work import KioskAtWork, playable_library

SAMPLE_S = 10.0
UPSET_S = 240.0
"""Between two things that happen to the kiosk; a visit lasts a tenth of it."""
WARM_UP = 0.25
"""First part that does not count: models, caches and the allocator settle."""
MEMORY_GROWTH_MAX_MIB_H = 10.0
"""The slope that is allowed; a leak of one 640 x 480 frame a visit is 25 times that."""
HANDLES_GROWTH_MAX = 2
WISHES = (
    ("skip", "PRESS"), ("like", "PRESS"), ("dislike", "PRESS"), ("pause", "PRESS"),
    ("play", "PRESS"), ("volume", "40"), ("volume", "70"), ("strategy", "calm"),
    ("strategy", "match"), ("say_mood", "calm and happy"), ("say_mood", "sad"),
)  # fmt: skip
"""(entity, payload) of what a visitor or the house may want."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The kiosk and its children at one moment (proc_pid_smaps(5))."""

    at_s: float
    visits: int
    upsets: int
    memory_mib: float
    """Of all processes together, with their share of what they share (Pss); it moves when
    another program of the machine loads the same libraries."""
    own_mib: float
    """What no file is behind (Anonymous), of all together: a leak is here and nowhere else."""
    kiosk_mib: float
    """The same of the daemon alone, without the audio process."""
    threads: int
    handles: int
    children: int
    cpu_s: float
    state_mib: float
    """The state folder on disk: what the kiosk remembers."""


def processes(pid: int) -> list[int]:
    """Return the process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def memory_of(pid: int) -> tuple[float, float]:
    """Return (Pss, Anonymous) of one process in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return kib["Pss"] / 1024, kib["Anonymous"] / 1024


def take_sample(kiosk: KioskAtWork, at_s: float, visits: int, upsets: int) -> Sample:
    """Look at /proc (proc(5)) and at the state folder."""
    memory_mib = own_mib = 0.0
    threads = handles = ticks = 0
    every = processes(kiosk.pid)
    for one in every:
        shared_mib, alone_mib = memory_of(one)
        memory_mib += shared_mib
        own_mib += alone_mib
        threads += len(list(Path(f"/proc/{one}/task").iterdir()))
        handles += len(list(Path(f"/proc/{one}/fd").iterdir()))
        stat = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(stat[11]) + int(stat[12])
    kept = sum(path.stat().st_size for path in kiosk.state.rglob("*") if path.is_file())
    return Sample(
        round(at_s, 1), visits, upsets, round(memory_mib, 3), round(own_mib, 3),
        round(memory_of(kiosk.pid)[1], 3), threads, handles, len(every) - 1, ticks / 100,
        round(kept / 2**20, 3),
    )  # fmt: skip


class Upsets:
    """What happens to a kiosk in a house, one thing after the other."""

    def __init__(self, kiosk: KioskAtWork) -> None:
        self._kiosk = kiosk
        self._port = kiosk.folder / "sensor"
        self.happened: list[tuple[float, str]] = []
        """(s since the beginning, what)"""
        self._next: list[tuple[str, Callable[[], None]]] = [
            ("broker", self._restart_broker),
            ("sensor", self._replug_sensor),
            ("catalogue", self._rebuild_catalogue),
        ]

    def prepare(self) -> None:
        """Give the finger sensor a name of its own, as the udev rule does."""
        self._plug_in(self._kiosk.finger)
        self._kiosk.configure(sensor={"port": str(self._port), "protocol": "attune"})

    def next(self, at_s: float) -> None:
        """Let the next thing happen and wait until the kiosk has got over it."""
        name, happen = self._next[len(self.happened) % len(self._next)]
        happen()
        self.happened.append((at_s, name))

    def close(self) -> None:
        """Unplug the sensor."""
        self._kiosk.finger.unplug()

    def _restart_broker(self) -> None:
        self._kiosk.broker.stop()
        time.sleep(2)
        self._kiosk.house.forget()
        self._kiosk.broker.start()
        self._kiosk.heard("player", timeout_s=60)

    def _replug_sensor(self) -> None:
        self._kiosk.finger.unplug()
        self._kiosk.heard("finger_sensor", "none", 30)
        self._kiosk.finger = SimulatedSensor().__enter__()
        self._plug_in(self._kiosk.finger)
        self._kiosk.heard("finger_sensor", "attune", 60)

    def _rebuild_catalogue(self) -> None:
        times = self._kiosk.log.count("catalogue was rebuilt") + 1
        playable_library(self._kiosk.catalogue, self._kiosk.music, seed=len(self.happened))
        self._kiosk.wait_for_log("catalogue was rebuilt", 30, times)

    def _plug_in(self, sensor: SimulatedSensor) -> None:
        self._port.unlink(missing_ok=True)
        self._port.symlink_to(sensor.path)


def live(kiosk: KioskAtWork, upsets: Upsets, hours: float, path: Path) -> list[Sample]:
    """Let visitors come and go; return what was measured, and write it to ``path`` meanwhile."""
    chance = random.Random(1)
    began, visits = time.monotonic(), 0
    samples: list[Sample] = []
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Sample)])
        table.writeheader()
        while (at_s := time.monotonic() - began) < hours * 3600:
            kiosk.to_playing()
            for _ in range(chance.randint(1, 4)):
                time.sleep(chance.uniform(0.5, 4))
                kiosk.say(*chance.choice(WISHES))
            if not samples or at_s - samples[-1].at_s >= SAMPLE_S:
                samples.append(take_sample(kiosk, at_s, visits, len(upsets.happened)))
                table.writerow(asdict(samples[-1]))
                file.flush()
            if at_s > UPSET_S * (len(upsets.happened) + 1):
                upsets.next(at_s)
            kiosk.end_visit()
            kiosk.house.forget()
            visits += 1
    return samples


def trend(samples: Sequence[Sample], name: str) -> Line | None:
    """Return the straight line through what came after the warm-up, None when that is short."""
    settled = samples[int(len(samples) * WARM_UP) :]
    if len(settled) < 8:
        return None
    hours = np.array([sample.at_s for sample in settled]) / 3600
    values = np.array([getattr(sample, name) for sample in settled], np.float64)
    (slope, start), covariance = np.polyfit(hours, values, 1, cov=True)
    return Line(
        float(slope), float(start), 2 * float(covariance[0, 0]) ** 0.5,
        float(hours[0]), float(hours[-1]),
    )  # fmt: skip


def verdict(samples: Sequence[Sample]) -> list[str]:
    """Return what is not flat, one line each; empty when all is."""
    memory = trend(samples, "own_mib")
    if memory is None:
        return ["too short to tell: run it longer"]
    faults = []
    print(f"soak: memory of its own {memory.slope:+.2f} ± {memory.error:.2f} MiB/h")
    if memory.slope > MEMORY_GROWTH_MAX_MIB_H:
        faults.append(f"memory grows by {memory.slope:.1f} MiB/h")
    settled = samples[int(len(samples) * WARM_UP) :]
    half = len(settled) // 2
    for name in ("threads", "handles", "children"):
        values = [getattr(sample, name) for sample in settled]
        growth = max(values[half:]) - max(values[:half])
        print(f"soak: {name} at most {max(values)}, {growth:+d} from half to half")
        if growth > HANDLES_GROWTH_MAX:
            faults.append(f"{name} grow by {growth}")
    return faults


def read_samples(path: Path) -> list[Sample]:
    """Return what an earlier run has written."""
    kinds = {field.name: int if field.type == "int" else float for field in fields(Sample)}
    with path.open(newline="") as file:
        return [
            Sample(**{name: kinds[name](value) for name, value in row.items()})  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        ]


def picture(samples: Sequence[Sample], happened: Sequence[tuple[float, str]], path: Path) -> None:
    """Draw what was measured."""
    curves = {
        field.name: [getattr(sample, field.name) for sample in samples] for field in fields(Sample)
    }
    trends = {name: trend(samples, name) for name in ("own_mib", "threads", "handles")}
    draw(curves, {name: line for name, line in trends.items() if line}, happened, path)


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path("build/soak"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with KioskAtWork((args.out / "kiosk").absolute(), screen={"mode": "window"}) as kiosk:
        upsets = Upsets(kiosk)
        upsets.prepare()
        kiosk.start(environment=MALLOC | {"SDL_VIDEODRIVER": "dummy"})
        try:
            samples = live(kiosk, upsets, args.hours, args.out / "soak.csv")
            code = kiosk.stop()
        finally:
            upsets.close()
    picture(samples, upsets.happened, args.out / "soak.png")
    faults = verdict(samples)
    if code:
        faults.append(f"the kiosk ended with {code}")
    if traces := kiosk.log.count("Traceback"):
        faults.append(f"{traces} errors in the log")
    for fault in faults:
        print(f"soak: NOT FLAT: {fault}", file=sys.stderr)
    visits = samples[-1].visits + 1
    print(f"soak: {visits} visits, {len(upsets.happened)} upsets; look at {args.out}/soak.png")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
