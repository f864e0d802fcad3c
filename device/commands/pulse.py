"""``attune pulse``: what the box reads in a recording of a pulse."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.plain import plain
from device.commands.errors import CommandError

if TYPE_CHECKING:
    from device.sensing.pulse import PulseAnalysis
    from device.sensing.pulse.recordings import Channel

EPILOG = """\
examples:
  attune pulse analyse recording.csv --rate 100
  attune pulse analyse phone.csv --column R --plot pulse.png
  attune pulse analyse v102s.hea --json
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("pulse", help="read a recording of a pulse")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    analyse = actions.add_parser(
        "analyse",
        help="heart rate, variability, quality and beats of a recording",
        description="Find the beats of a recording and measure heart rate and variability. Reads"
        " CSV (with a time column, or --rate) and WFDB. Of several columns the best is taken,"
        " and a wave that is upside down is turned.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    analyse.add_argument("file", type=Path, metavar="FILE")
    analyse.add_argument("--rate", type=float, metavar="HZ", help="samples per second")
    analyse.add_argument("--column", metavar="C", help="column or signal to take")
    analyse.add_argument("--plot", type=Path, metavar="PNG", help="draw signal, beats, intervals")
    analyse.add_argument("--json", action="store_true", help="all measures as JSON")
    analyse.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Analyse the recording; a poor one is a result too, with its reason."""
    channel, found = analyse_file(args.file, args.rate, args.column)
    if args.plot:
        from device.asker import give_to_asker
        from device.sensing.pulse_plot import draw

        try:
            draw(found, f"{args.file.name} · {channel.name}", args.plot)
            give_to_asker(args.plot)
        except (OSError, ValueError, ImportError) as error:
            raise CommandError(f"{args.plot}: cannot be drawn ({error})") from error
    facts = as_facts(args.file, channel, found)
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        _print(facts)
    return 0


def analyse_file(
    path: Path, rate_hz: float | None = None, column: str | None = None
) -> tuple[Channel, PulseAnalysis]:
    """Return the best channel of a recording, the right way up, and what it tells."""
    from dataclasses import replace

    from device.sensing.pulse import analyse
    from device.sensing.pulse.recordings import RecordingError, read_channels

    if rate_hz is not None and not 0 < rate_hz < float("inf"):
        raise CommandError("--rate: samples per second, more than 0", exit_code=2)
    try:
        results = [
            _the_right_way_up(
                (channel, analyse(channel.samples, channel.rate_hz, breaks=channel.breaks)),
                (turned := replace(channel, samples=-channel.samples),
                 analyse(turned.samples, turned.rate_hz, breaks=turned.breaks)),
            )
            for channel in read_channels(path, rate_hz, column)
        ]  # fmt: skip
    except (RecordingError, ValueError) as error:
        text = str(error)
        raise CommandError(text if str(path) in text else f"{path}: {text}") from error
    return max(results, key=lambda result: result[1].quality)


CLEARLY_LOPSIDED = 0.3
"""Skewness of the slopes from which the way up is plain: a pulse rises faster than it falls."""


def _the_right_way_up(
    found: tuple[Channel, PulseAnalysis], turned: tuple[Channel, PulseAnalysis]
) -> tuple[Channel, PulseAnalysis]:
    """Return the one that rises faster than it falls; the better one where that is not plain."""
    skewness = _skewness_of_slopes(found[1])
    if abs(skewness) >= CLEARLY_LOPSIDED:
        return found if skewness > 0 else turned
    return max(found, turned, key=lambda result: result[1].quality)


def _skewness_of_slopes(found: PulseAnalysis) -> float:
    import numpy as np

    if found.wave is None:
        return 0.0
    slopes = np.diff(found.wave.coarse)
    limit = 5 * float(slopes.std())
    slopes = np.clip(slopes, -limit, limit)
    power = float(np.mean(slopes**2)) ** 1.5
    return float(np.mean(slopes**3)) / power if power > 0 else 0.0


def as_facts(path: Path, channel: Channel, found: PulseAnalysis) -> dict[str, Any]:
    """Return the result as JSON shows it: null where there is no trustworthy value."""
    hrv = found.hrv
    return {
        "file": str(path),
        "column": channel.name,
        "rate_hz": round(channel.rate_hz, 3),
        "duration_s": round(found.duration_s, 3),
        "quality": round(found.quality, 3),
        "accepted": found.accepted,
        "reason": found.reason or None,
        "beats_used": int(found.beats.good.sum()),
        "beats_rejected": int((~found.beats.good).sum()),
        "artefacts": found.intervals.artefacts,
        "heart_rate_bpm": _rounded(hrv.heart_rate_bpm, 2),
        "rr_mean_ms": _rounded(hrv.rr_mean_ms, 2),
        "sdnn_ms": _rounded(hrv.sdnn_ms, 2),
        "rmssd_ms": _rounded(hrv.rmssd_ms, 2),
        "pnn50": _rounded(hrv.pnn50, 4),
        "sd1_ms": _rounded(hrv.sd1_ms, 2),
        "sd2_ms": _rounded(hrv.sd2_ms, 2),
        "vlf_ms2": _rounded(hrv.vlf_ms2, 1),
        "lf_ms2": _rounded(hrv.lf_ms2, 1),
        "hf_ms2": _rounded(hrv.hf_ms2, 1),
        "beat_times_s": [round(float(t), 4) for t in found.beats.times_s[found.beats.good]],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _print(facts: dict[str, Any]) -> None:
    place = plain(f"{facts['file']}, column {facts['column']}")
    print(f"{place}: {facts['duration_s']:.0f} s"
          f" at {facts['rate_hz']:g} Hz")  # fmt: skip
    verdict = "accepted" if facts["accepted"] else f"not accepted: {facts['reason']}"
    if not facts["accepted"] and facts["heart_rate_bpm"] is not None:
        verdict = f"good for the heart rate alone: {facts['reason']}"
    print(f"  quality     {facts['quality']:.0%}, {verdict}")
    print(f"  beats       {facts['beats_used']} used, {facts['beats_rejected']} not believed")
    for label, key, unit in (
        ("heart rate", "heart_rate_bpm", "bpm"), ("mean RR", "rr_mean_ms", "ms"),
        ("RMSSD", "rmssd_ms", "ms"), ("SDNN", "sdnn_ms", "ms"), ("SD1", "sd1_ms", "ms"),
        ("SD2", "sd2_ms", "ms"), ("LF", "lf_ms2", "ms²"), ("HF", "hf_ms2", "ms²"),
    ):  # fmt: skip
        if facts[key] is not None:
            print(f"  {label:<11} {facts[key]:.1f} {unit}")
