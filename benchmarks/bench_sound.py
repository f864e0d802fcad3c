"""The catalogue's sound: speed, memory, size, and whether the card is true (``make bench-sound``).

Music is made up (chords, a melody, drums) in five formats; the build is the real command with its
worker processes. With the data set ``emotify`` (set ATTUNE_DATA) the shipped network is judged
again on tracks left out: its own listening layers, its head fitted anew without them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.builder.analyse import digest_of, do_job
from catalog.builder.evidence import EvidenceFinder
from catalog.builder.loudness import measure
from catalog.builder.progress import Progress
from catalog.builder.tags import read_tags
from catalog.builder.wire import Job
from catalog.sound import SoundAnnotator
from catalog.sound.annotator import MODEL, MOST_PATCHES
from catalog.sound.decoding import decode_mono, decode_windows
from catalog.sound.features import BANDS, PATCH_FRAMES, PATCH_S, PATCH_SAMPLES, RATE_HZ, patch
from catalog.sound_file import open_sound
from models_tflite.training.sound_ratings import read_ratings
from models_tflite.training.sound_train import HEARD_PATCHES, cross_validate, fit, targets_of
from tests.data_folder import find_data
from tests.fakes.sounds import write_sound

FORMATS = (".mp3", ".flac", ".ogg", ".opus", ".m4a")
TIMED_S = 240.0
MIXED_S = (30, 60, 90, 180, 240, 300, 600, 1200, 7200)
"""The lengths of the batch whose memory is measured: clips, songs, a mix, two hours."""

DIRECT_S = 300
"""Longer files are made of copies."""

POLL_S = 0.02
AT_ONCE = 4
"""Patches heard at once where all tensors are kept."""

BASE = ("ai-edge-litert", "av", "numpy", "tinytag", "hnswlib")
"""What the base brings that the builder uses; told beside the extra for honesty."""


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_sound", description=__doc__)
    parts = ("speed", "memory", "size", "card")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="parts to do")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(dir=Path("build") if Path("build").is_dir() else None) as at:
        folder = Path(at)
        if "speed" in only:
            print_speed(folder)
        if "memory" in only:
            print_memory(folder)
    if "size" in only:
        print_size()
    emotify = find_data("emotify")
    if "card" not in only:
        return 0
    if emotify is None:
        print("the card is not checked: needs the data set emotify (set ATTUNE_DATA)")
        return 0
    print_card(emotify)
    return 0


# --- speed ------------------------------------------------------------------------------


def made_up_music(seconds: float, rate_hz: int = 44_100) -> NDArray[np.float32]:
    """Return (n, 2) of something with chords, melody and a beat."""
    rng = np.random.default_rng(1)
    bar = 2.0
    time_s = np.arange(round(bar * rate_hz)) / rate_hz
    beat = np.exp(-8 * (time_s % 0.5)) * rng.standard_normal(len(time_s)) * 0.1
    bars = []
    for number in range(int(np.ceil(seconds / bar))):
        root = 110 * 2 ** ((0, 9, 5, 7)[number % 4] / 12)
        chord = [np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 1.25, 1.5, 2, 3)]
        tune = np.sin(2 * np.pi * root * 4 * 2 ** (rng.integers(0, 12) / 12) * time_s)
        bars.append((0.08 * np.sum(chord, axis=0) + 0.1 * tune + beat).astype(np.float32))
    mono = np.concatenate(bars)[: round(seconds * rate_hz)]
    return np.stack([mono, 0.8 * np.roll(mono, 200)], axis=1)


def print_speed(folder: Path) -> None:
    """Print processor seconds per minute of music of each step, on one core."""
    music = made_up_music(TIMED_S)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    began = time.process_time()
    finder, annotator = EvidenceFinder(), SoundAnnotator.load()
    print(f"loading the network twice: {time.process_time() - began:.2f} s\n")
    print(f"one core, {TIMED_S:.0f} s of music; processor ms per minute of music\n")
    steps = ("decode", "loudness", "digest", "tags", "places", "features", "network")
    print(f"{'':<8}" + "".join(f"{step:>10}" for step in (*steps, "whole", "x time")))
    for ending in FORMATS:
        rate_hz = 48_000 if ending == ".opus" else 44_100
        path = write_sound(folder / f"a{ending}", music, rate_hz)
        _time_steps(path, finder, annotator)  # Everything is loaded and cached now.
        took = _time_steps(path, finder, annotator)
        minutes = measure(path).duration_s / 60
        row = "".join(f"{1e3 * seconds / minutes:>10.1f}" for seconds in took)
        print(f"{ending[1:]:<8}{row}{60 * minutes / took[-1]:>10.0f}")
        path.unlink()
    print("loudness holds its own decoding; the bar for the whole is 60 x time\n")
    os.sched_setaffinity(0, before)


def _time_steps(path: Path, finder: EvidenceFinder, annotator: SoundAnnotator) -> list[float]:
    windows = decode_windows(path, RATE_HZ, PATCH_S, MOST_PATCHES)
    patches = np.stack([patch(window) for window in windows])
    steps: tuple[Callable[[], object], ...] = (
        lambda: _decode(path),
        lambda: measure(path),
        lambda: digest_of(path),
        lambda: read_tags(path),
        lambda: decode_windows(path, RATE_HZ, PATCH_S, MOST_PATCHES),
        lambda: [patch(window) for window in windows],
        lambda: annotator.annotate_patches(patches),
        lambda: do_job(Job(path), "bench", finder),
    )
    took = []
    for step in steps:
        began = time.process_time()
        step()
        took.append(time.process_time() - began)
    return took


def _decode(path: Path) -> int:
    with open_sound(path) as file:
        return sum(frame.samples for frame in file.frames())


# --- memory -----------------------------------------------------------------------------


def print_memory(folder: Path) -> None:
    """Print the peak resident memory of a build's parent and workers, in MB."""
    music = folder / "music"
    music.mkdir()
    for number, seconds in enumerate(MIXED_S):
        ending = FORMATS[number % len(FORMATS)] if seconds <= DIRECT_S else ".mp3"
        rate_hz = 48_000 if ending == ".opus" else 44_100
        block = made_up_music(min(seconds, DIRECT_S))
        path = write_sound(music / f"{seconds}{ending}", block, rate_hz)
        if seconds > DIRECT_S:  # MP3 has no beginning and no end: copies make a long one.
            path.write_bytes(path.read_bytes() * (seconds // DIRECT_S))
    command = [sys.executable, "-m", "device.cli", "catalog", "build", str(music)]
    command += ["--folder", str(folder / "catalogue"), "--workers", "2", "--json"]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    peaks: dict[int, float] = {}
    while process.poll() is None:
        for pid in (process.pid, *_children(process.pid)):
            peaks[pid] = max(peaks.get(pid, 0.0), _peak_mb(pid))
        time.sleep(POLL_S)
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    workers = [peak for pid, peak in peaks.items() if pid != process.pid]
    hours = sum(MIXED_S) / 3600
    print(f"a build of {report['analysed']} files, {hours:.1f} h of music, one of 2 h:")
    print(f"  {time.monotonic() - began:.0f} s with 2 workers")
    print(f"  parent {peaks[process.pid]:.0f} MB, workers {_list(workers)} MB (bar: 400)\n")


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in sorted(values))


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


# --- size -------------------------------------------------------------------------------


def print_size() -> None:
    """Print what the extra adds to an installation, in MB, as its files lie here."""
    names = {"attune-kiosk"}
    extra: set[str] = set()
    for requirement in importlib.metadata.requires("attune-kiosk") or ():
        if "extra == 'catalog'" in requirement.replace('"', "'"):
            extra |= _with_needs(_name(requirement), names)
    mega = {name: _installed_mb(name) for name in sorted(extra)}
    told = ", ".join(f"{name} {size:.1f}" for name, size in mega.items())
    print(f"the catalog extra: {sum(mega.values()):.1f} MB ({told}); bar: 300")
    told = ", ".join(f"{name} {_installed_mb(name):.0f}" for name in BASE)
    print(f"in the base, used by the builder, MB: {told}\n")


def _with_needs(name: str, seen: set[str]) -> set[str]:
    if name in seen:
        return set()
    seen.add(name)
    found = {name}
    for requirement in importlib.metadata.requires(name) or ():
        if "extra ==" not in requirement:
            found |= _with_needs(_name(requirement), seen)
    return found


def _name(requirement: str) -> str:
    letters = [letter if letter.isalnum() or letter in "-_." else " " for letter in requirement]
    return "".join(letters).split()[0]


def _installed_mb(name: str) -> float:
    files = importlib.metadata.files(name) or ()
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.stat().st_blocks * 512 for path in paths if path.is_file()) / 1e6


# --- the card ---------------------------------------------------------------------------


def print_card(emotify: Path) -> None:
    """Print what the shipped network reaches on tracks left out, beside what its card says."""
    files = sorted((emotify / "audio").iterdir())
    ratings = read_ratings(emotify / "ratings.csv", [path.stem for path in files])
    listener = Listener()
    features, heads_out, heads_in = [], [], []
    progress = Progress(len(files), "clips")
    for path in files:
        sound = decode_mono(path, RATE_HZ)
        starts = np.linspace(0, len(sound) - PATCH_SAMPLES, 2 * HEARD_PATCHES).round().astype(int)
        parts = []
        for some in np.array_split(starts, len(starts) // AT_ONCE):
            part, outputs = listener(np.stack([patch(sound[start:]) for start in some]))
            parts.append(part)
        features.append(np.concatenate(parts))
        heads_in.append(parts[-1].mean(0))
        heads_out.append(outputs)
        progress.step()
    heard = np.linspace(0, 2 * HEARD_PATCHES - 1, HEARD_PATCHES).round().astype(int)
    trained = np.array(features).mean(1)
    measured = cross_validate(trained, np.array(features)[:, heard].mean(1), ratings)
    _print_measured(measured, json.loads(MODEL.with_suffix(".json").read_text("utf-8")))
    refitted = fit(trained, targets_of(ratings))(np.array(heads_in))
    apart = np.abs(refitted - np.array(heads_out)[:, :-1]).max()
    print(f"the head fitted anew on all tracks differs from the shipped one by {apart:.4f} at most")


def _print_measured(measured: dict[str, Any], card: dict[str, Any]) -> None:
    print(f"{'tracks left out, 5 folds, 5 shuffles':<38}{'measured':>9}{'card':>7}{'ceiling':>9}")
    for name, value in measured["correlation"].items():
        ceiling = measured["ceiling"][name]
        print(f"{name:<38}{value:>9.3f}{card['correlation'][name]:>7.3f}{ceiling:>9.3f}")
    mean, genre = measured["correlation_mean"], measured["genre_accuracy"]
    print(f"{'mean (required .57, aim .65)':<38}{mean:>9.3f}{card['correlation_mean']:>7.3f}")
    print(f"{'genre (required .82, aim .92)':<38}{genre:>9.3f}{card['genre_accuracy']:>7.3f}")


class Listener:
    """The shipped .tflite with a look at what its head is given."""

    def __init__(self) -> None:
        """Load it with all its tensors kept: 100 MB for each patch heard at once."""
        from ai_edge_litert.interpreter import Interpreter

        self._engine = Interpreter(
            model_path=str(MODEL), num_threads=1, experimental_preserve_all_tensors=True
        )
        self._entry = self._engine.get_input_details()[0]["index"]
        self._engine.resize_tensor_input(self._entry, [AT_ONCE, PATCH_FRAMES, BANDS])
        self._engine.allocate_tensors()
        mean = next(t for t in self._engine.get_tensor_details() if t["name"] == "Mean_2")
        self._features = next(
            t["index"]
            for t in self._engine.get_tensor_details()
            if tuple(t["shape"]) == (AT_ONCE, mean["shape"][1]) and t["name"].startswith("concat")
        )

    def __call__(self, patches: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the features (AT_ONCE, 500) of patches, and what the network says of them."""
        self._engine.set_tensor(self._entry, patches)
        self._engine.invoke()
        outputs = self._engine.get_tensor(self._engine.get_output_details()[0]["index"])[0]
        features = self._engine.get_tensor(self._features)
        return features.astype(np.float64), outputs.astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
