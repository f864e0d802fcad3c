"""Does the sound hold under load? Underruns on the real PortAudio path (``make bench-playback``).

A PulseAudio server of its own with a null sink plays in real time; PortAudio reaches it through
ALSA, as on a desktop. Two Python threads spin in the daemon's process. Compared: mixing in a
thread of that process (a), and in the audio process (b, what the product does). For (b) the
sink's monitor is recorded as well and searched for holes, and a whole visit of the kiosk with
every other worker and the screen runs beside the spinning threads. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from catalog.emotions import neutral_point
from catalog.track import Track
from device.channels import BoundedQueue, LatestSlot
from device.config import (
    CameraSettings,
    CatalogSettings,
    KioskSettings,
    MqttSettings,
    PlaybackSettings,
    ScreenSettings,
    SensorSettings,
    Settings,
)
from device.kiosk import build
from device.playback.deck import BLOCK_FRAMES, Deck, DeckSettings
from device.playback.messages import PlayerEvent, PlayerOrder, PlayNow, QueueNext, WantsNext
from device.playback.output import open_output
from device.playback.player import PlayerWorker
from device.playback.prefetch import Prefetch
from device.playback.wire import PlayOrder
from device.readings import Consent, PlayerState, Start
from device.supervisor import Supervisor
from tests.fakes.alsa_devices import AlsaConfig, PulseServer
from tests.fakes.broker import Broker
from tests.fakes.sounds import noise, write_sound
from tests.fakes.synthetic_library import make_library

TRACK_S = 60.0
HELD_NUMBERS = 2_000_000
HELD_EVERY_S = 3.0
HOLE_S = 0.002
"""Digital silence longer than this inside the music is a hole: noise is never silent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    value: str


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_playback", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the main run")
    parser.add_argument("--spinners", type=int, default=2, help="busy Python threads")
    parser.add_argument("--only-product", action="store_true", help="leave the comparison out")
    parser.add_argument("--keep", type=Path, help="keep the recording of the sink here")
    args = parser.parse_args()
    rows = [start_up(), *render_cost()]
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        folder = Path(scratch)
        AlsaConfig(folder, patch).use_pulse()
        pulse = PulseServer(folder / "pulse")
        for key, value in pulse.environment.items():
            patch.setenv(key, value)
        patch.setenv("SDL_VIDEODRIVER", "dummy")
        pulse.start()
        try:
            music = make_music(folder)
            short_s = min(50.0, args.seconds)
            if not args.only_product:
                rows += in_a_thread(music, short_s, 0)
                rows += in_a_thread(music, short_s, args.spinners)
                rows += in_a_thread(music, short_s, args.spinners, held=True)
            rows.append(Row("one call that keeps the interpreter lock, s", f"{held_s():.2f}"))
            rows += in_the_process(music, args.seconds, args.spinners, pulse, folder, args.keep)
        finally:
            pulse.stop()
    for row in rows:
        print(f"{row.what:<64}{row.value:>16}")
    return 0


def make_music(folder: Path) -> list[Path]:
    """Three files that have to be decoded and resampled."""
    endings = (".mp3", ".flac", ".opus")
    return [
        write_sound(folder / f"music{ending}", noise(TRACK_S, 0.1, number), 48_000)
        for number, ending in enumerate(endings)
    ]


def start_up() -> Row:
    """Time from the start of the audio process to its first report."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with subprocess.Popen(
            [
                sys.executable, "-m", "device.playback.engine", "--output=null", "--volume=70",
                "--crossfade=4", "--duck=-18", "--limit=-1",
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            times.append(time.perf_counter() - began)
            process.stdin.close()
    return Row("audio process: start to first report, s (median of 5)", f"{np.median(times):.2f}")


def render_cost() -> list[Row]:
    """Processor time of the mix, per second of sound."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        path = write_sound(Path(scratch) / "a.flac", noise(20, 0.1, 1), 48_000)
        for what, gain_db in (("quiet", 0.0), ("limited", 14.0)):
            source = Prefetch(path, 44_100, 0.0, None, 10**9)
            source.wait(10**9, 60)
            deck = Deck(DeckSettings(volume_percent=100), lambda *_: source, 44_100)  # noqa: B023
            deck.play(PlayOrder(1, str(path), 0.0, None, gain_db, True))
            blocks = int(19 * 44_100 / BLOCK_FRAMES)
            began = time.process_time()
            for _ in range(blocks):
                deck.render()
            share = (time.process_time() - began) / 19
            rows.append(Row(f"mixing, {what}: processor s per s of sound", f"{share:.4f}"))
    return rows


def spin(count: int, held: bool = False) -> Callable[[], None]:
    """Start threads that keep the interpreter lock busy; return how to stop them."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(range(1000))

    def hold() -> None:
        """Keep the lock in one call, as a big sort, a JSON document or a regex does."""
        numbers = np.random.default_rng(0).random(HELD_NUMBERS).tolist()
        while not stop.wait(HELD_EVERY_S):
            sorted(numbers)

    for _ in range(count):
        threading.Thread(target=work, daemon=True).start()
    if held:
        threading.Thread(target=hold, daemon=True).start()
    return stop.set


def held_s() -> float:
    """How long the one call of ``spin(held=True)`` keeps the lock on this machine."""
    numbers = np.random.default_rng(0).random(HELD_NUMBERS).tolist()
    began = time.perf_counter()
    sorted(numbers)
    return time.perf_counter() - began


def in_a_thread(music: list[Path], seconds: float, spinners: int, held: bool = False) -> list[Row]:
    """Way (a): the deck in a thread of this process."""
    output = open_output("auto")
    deck = Deck(
        DeckSettings(crossfade_s=4.0),
        lambda order, rate, start: Prefetch(Path(order.path), rate, start, None, rate * 10),
        output.rate_hz,
    )
    for number, path in enumerate(music[:2]):
        deck.play(PlayOrder(number, str(path), 0.0, None, 0.0, False))
    quiet = spin(spinners, held)
    began, underruns, blocks = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds:
        underruns += not output.write(deck.render())
        blocks += 1
    quiet()
    played_s = blocks * BLOCK_FRAMES / output.rate_hz
    output.close()
    what = f"(a) thread, {spinners} spinning{', lock kept' if held else ''}, {seconds:.0f} s:"
    return [
        Row(f"{what} underruns of the device", str(underruns)),
        Row(f"{what} decoder too slow", str(deck.starved)),
        Row(f"{what} sound delivered, s", f"{played_s:.1f}"),
    ]


@contextlib.contextmanager
def busy_workers(rows: list[Row], what: str, folder: Path) -> Iterator[None]:
    """Run a whole visit of the kiosk beside the player: every worker but its own, and the screen.

    A portrait and a simulated finger are the visitor; the house listens on a real broker.
    """
    with contextlib.ExitStack() as opened:
        broker = opened.enter_context(Broker(folder, "allow_anonymous true"))
        make_library(folder / "catalogue", 2000)
        house = build(
            Settings(
                kiosk=KioskSettings(state_dir=folder / "state"),
                camera=CameraSettings(source="builtin"),
                sensor=SensorSettings(port="simulated"),
                catalog=CatalogSettings(folder=folder / "catalogue"),
                mqtt=MqttSettings(host="127.0.0.1", port=broker.port),
                playback=PlaybackSettings(output="null"),
                screen=ScreenSettings(mode="window", width_px=800, height_px=480),
            )
        )
        house.supervisor = Supervisor([w for w in house.workers if w.name != "player"])
        opened.callback(house.supervisor.stop)
        house.supervisor.start()
        gone = threading.Event()
        opened.callback(gone.set)
        threading.Thread(target=house.screen.run, args=(gone, lambda: None), daemon=True).start()
        while any(line.status == "starting" for line in house.health()):
            time.sleep(0.1)
        house.commands.put(Start(source="local"))
        house.commands.put(Consent(source="local", camera=True))
        yield
        health = house.health()
    at_work = [line.name for line in health if line.status == "running" and not line.restarts]
    rows.append(Row(f"{what} beside it: {', '.join(at_work)}", str(len(at_work))))


STANDSTILL = """
import signal, sys, time
longest = 0.0
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
print("watching", flush=True)
while not ended:
    before = time.monotonic()
    time.sleep(0.01)
    late = time.monotonic() - before - 0.01
    longest = max(longest, late)
    if late > 0.1:
        sys.stderr.write(f"{time.ctime()}: the machine stood still for {late:.2f} s\\n")
print(longest)
"""


@contextlib.contextmanager
def standstills(rows: list[Row], what: str) -> Iterator[None]:
    """Add how long a process that only sleeps was not let run: the machine's own share."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", STANDSTILL], stdout=subprocess.PIPE, text=True
    ) as watcher:
        assert watcher.stdout is not None
        watcher.stdout.readline()
        try:
            yield
        finally:
            watcher.terminate()
            longest_s = float(watcher.stdout.readline())
    rows.append(Row(f"{what} longest standstill of an idle process, s", f"{longest_s:.2f}"))


def in_the_process(
    music: list[Path], seconds: float, spinners: int, pulse: PulseServer, folder: Path,
    keep: Path | None,
) -> list[Row]:  # fmt: skip
    """Way (b): the product's player, recorded at the sink."""
    recording = keep or folder / "recorded.wav"
    recorder = pulse.record(recording)
    player = Playing(music)
    what = f"(b) process, {spinners} spinning, all workers, {seconds:.0f} s:"
    rows: list[Row] = []
    began_cpu = os.times()
    with standstills(rows, what), busy_workers(rows, what, folder):
        quiet = spin(spinners, held=True)
        player.play(seconds)
        quiet()
    cpu_s = os.times().children_user - began_cpu.children_user
    recorder.terminate()
    recorder.wait()
    holes, loudest_s = find_holes(recording)
    return [
        *rows,
        Row(f"{what} underruns of the device", str(player.worker.underruns)),
        Row(f"{what} tracks begun", str(player.begun)),
        Row(f"{what} music in the recording, s", f"{loudest_s:.1f}"),
        Row(f"{what} holes in the recording", str(holes)),
        Row(f"{what} processor s per s of sound", f"{cpu_s / seconds:.3f}"),
    ]


class Playing:
    """Keeps the player busy with track after track, a skip or a pause now and then."""

    def __init__(self, music: list[Path]) -> None:
        self._tracks = [
            Track(n, path, path.stem, "", "", "", TRACK_S, neutral_point(), -20.0, -6.0)
            for n, path in enumerate(music)
        ]
        self._orders: BoundedQueue[PlayerOrder] = BoundedQueue(16, drop="oldest")
        self._states: LatestSlot[PlayerState] = LatestSlot()
        self._events: BoundedQueue[PlayerEvent] = BoundedQueue(64, drop="oldest")
        self.worker = PlayerWorker(
            PlaybackSettings(output="auto", volume_percent=90), self._orders, self._states,
            self._events, time.monotonic,
        )  # fmt: skip
        self.begun = 1

    def play(self, seconds: float) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=self.worker.run, args=(stop, lambda: None))
        thread.start()
        self._orders.put(PlayNow(self._tracks[0]))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if isinstance(self._events.get(0.5), WantsNext):
                self._orders.put(QueueNext(self._tracks[self.begun % len(self._tracks)]))
                self.begun += 1
        stop.set()
        thread.join()


def find_holes(recording: Path) -> tuple[int, float]:
    """Return how many holes lie inside the music, and its length in s."""
    with wave.open(str(recording)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes() or 2**30), "<i2")
    silent = (samples[: len(samples) // 2 * 2].reshape(-1, 2) == 0).all(axis=1)
    sounding = np.flatnonzero(~silent)
    if sounding.size == 0:
        return 0, 0.0
    gaps = np.diff(sounding)
    holes = int(np.sum(gaps > HOLE_S * rate_hz))
    return holes, float(sounding[-1] - sounding[0]) / rate_hz


if __name__ == "__main__":
    sys.exit(main())
