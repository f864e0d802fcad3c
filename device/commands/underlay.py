"""``attune underlay``: music for the mood under a recorded voice."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.commands.catalog import NUMBERS
from device.commands.errors import CommandError

if TYPE_CHECKING:
    from catalog.emotions import EmotionPoint
    from catalog.track import Track
    from device.playback.instrumental import Pick
    from device.playback.underlay import Bed, Plan, Underlay

EXAMPLES = """\
examples:
  attune underlay message.m4a --out card.mp3 --text "thank you, that was a lovely evening"
  attune underlay story.wav --out story.flac --va=-0.2,-0.6 --duck -15
  attune underlay talk.opus --out talk.wav --music piano.flac

The music is chosen from the catalogue: near the mood, and nobody sings in it as far as tags and
lyrics tell. It starts before the voice, gives way under it, comes back in long pauses and fades
out after the end. The voice is levelled to the loudness of the kiosk's music. The formats of
--out: .wav .flac .mp3 .ogg .opus .m4a
"""
MOST_BEDS = 5
LONGEST_S = 3 * 3600.0


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `underlay`."""
    parser = subparsers.add_parser(
        "underlay",
        help="put music for a mood under a recorded voice",
        description="Lay instrumental music for a mood under a recorded voice.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("voice", type=Path, metavar="VOICE", help="the recorded voice")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    mood = parser.add_mutually_exclusive_group(required=True)
    mood.add_argument("--text", metavar="WORDS", help="the mood in words, or what is said")
    mood.add_argument("--va", metavar="V,A", help="the mood as valence,arousal; each -1..1")
    mood.add_argument(
        "--music", type=Path, action="append", metavar="FILE", help="this music; may be repeated"
    )
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="catalogue to choose from")
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument(
        "--duck", type=float, metavar="DB", help="music under the voice, -40..0 (default: -18)"
    )
    parser.add_argument(
        "--lead",
        type=float,
        default=2.0,
        metavar="S",
        help="music before the voice, 0..30 (default: 2)",
    )
    parser.add_argument(
        "--tail",
        type=float,
        default=4.0,
        metavar="S",
        help="music after the voice, 0.2..30 (default: 4)",
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser._negative_number_matcher = NUMBERS
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what was taken."""
    from device.asker import give_to_asker
    from device.commands.run import load_settings
    from device.playback.decode import DecodeError
    from device.playback.encode import EncodeError
    from device.playback.underlay import UnderlayError, lay_under

    _check(args)
    settings = load_settings(args.config)
    picks = _picks(args, settings)
    try:
        plan = _plan(args, settings.playback, [pick.track for pick in picks])
        result = lay_under(plan, args.out)
        give_to_asker(args.out)
    except (DecodeError, EncodeError, UnderlayError) as error:
        raise CommandError(str(error)) from error
    taken = [pick for pick in picks if pick.track.path in result.used]
    if args.json:
        print(json.dumps(_document(args, plan, result, taken), ensure_ascii=False, indent=2))
    else:
        _print(args, plan, result, taken)
    return 0


def _check(args: argparse.Namespace) -> None:
    from device.playback.encode import CODECS

    if args.out.suffix.lower() not in CODECS:
        ends = ", ".join(CODECS)
        raise CommandError(f"--out {args.out}: the name must end in {ends}", exit_code=2)
    limits = (("--duck", args.duck, -40, 0), ("--lead", args.lead, 0, 30),
              ("--tail", args.tail, 0.2, 30))  # fmt: skip
    for name, value, low, high in limits:
        if value is not None and not low <= value <= high:
            raise CommandError(f"{name} must be {low}..{high}, not {value:g}", exit_code=2)
    for path in [args.voice, *(args.music or ())]:
        if not path.exists():
            raise CommandError(f"no such file: {path}")
        if args.out.exists() and args.out.samefile(path):
            raise CommandError(f"--out is {path} itself: choose another name", exit_code=2)
    if args.out.exists() and not args.force:
        raise CommandError(f"{args.out} is there already: --force replaces it")


def _picks(args: argparse.Namespace, settings: Any) -> list[Pick]:
    from catalog.library import CatalogError, Library
    from device.commands.measured import measured_track
    from device.playback.instrumental import Pick, Singing, nearest

    if args.music:
        tracks = [measured_track(number, path) for number, path in enumerate(args.music, 1)]
        return [Pick(track, 0.0, Singing.UNKNOWN, "you chose it") for track in tracks]
    point = _point(args)
    folder = args.catalogue or settings.catalog.folder
    try:
        with Library.open(folder) as library:
            picks = nearest(library, point, MOST_BEDS)
    except CatalogError as error:
        raise CommandError(str(error)) from error
    if not picks:
        raise CommandError(f"no track of the catalogue in {folder} can lie under a voice")
    return picks


def _point(args: argparse.Namespace) -> EmotionPoint:
    from catalog.emotions import point_from_va
    from catalog.words import WordsError, read_mood

    if args.va is not None:
        try:
            valence, arousal = (float(part) for part in args.va.split(","))
        except ValueError:
            valence = arousal = float("nan")
        if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
            raise CommandError(
                f"--va must be two numbers -1..1 with a comma between them, not {args.va!r}",
                exit_code=2,
            )
        return point_from_va(valence, arousal)
    try:
        point = read_mood(args.text).point
    except WordsError as error:
        raise CommandError(str(error)) from error
    if point is None:
        raise CommandError(
            f"“{args.text[:60]}” names no mood that I know: say how it should feel"
            " (calm, happy, sad, tense ...), or give --va"
        )
    return point


def _plan(args: argparse.Namespace, playback: Any, tracks: list[Track]) -> Plan:
    from device.commands.measured import measured_track
    from device.playback.decode import SoundFile
    from device.playback.encode import RATE_HZ
    from device.playback.mix import loudness_gain_db
    from device.playback.speech import levels_dbfs, stretches
    from device.playback.underlay import Plan

    voice = measured_track(0, args.voice)
    if voice.duration_s > LONGEST_S:
        raise CommandError(f"{args.voice}: is longer than {LONGEST_S / 3600:.0f} h")
    with SoundFile(args.voice, RATE_HZ) as sound:
        levels = levels_dbfs(sound.blocks(), RATE_HZ)
    if voice.duration_s == 0 or not (speech := stretches(levels)):
        raise CommandError(f"{args.voice}: nobody is heard in it")
    return Plan(
        voice=args.voice,
        voice_gain_db=loudness_gain_db(
            voice.integrated_loudness_lufs, voice.true_peak_dbtp,
            playback.target_lufs, playback.true_peak_limit_dbtp,
        ),
        voice_s=voice.duration_s,
        speech=tuple(speech),
        beds=tuple(_bed(track, playback) for track in tracks),
        duck_db=playback.duck_db if args.duck is None else args.duck,
        crossfade_s=playback.crossfade_s,
        lead_s=args.lead,
        tail_s=args.tail,
        true_peak_limit_dbtp=playback.true_peak_limit_dbtp,
    )  # fmt: skip


def _bed(track: Track, playback: Any) -> Bed:
    from device.playback.mix import loudness_gain_db
    from device.playback.underlay import Bed

    end_s = track.duration_s - track.tail_silence_s if track.tail_silence_s else None
    gain_db = loudness_gain_db(
        track.integrated_loudness_lufs, track.true_peak_dbtp,
        playback.target_lufs, playback.true_peak_limit_dbtp,
    )  # fmt: skip
    return Bed(track.path, track.lead_silence_s, end_s, gain_db)


def _document(
    args: argparse.Namespace, plan: Plan, result: Underlay, taken: list[Pick]
) -> dict[str, Any]:
    return {
        "out": str(args.out),
        "length_s": round(result.length_s, 3),
        "voice_gain_db": round(plan.voice_gain_db, 2),
        "voice_over_music_db": _rounded(result.voice_over_music_db),
        "speech": [[round(one.start_s, 2), round(one.end_s, 2)] for one in plan.speech],
        "music": [
            {
                "path": str(pick.track.path),
                "title": pick.track.title,
                "distance": round(pick.distance, 4),
                "singing": pick.singing.name.lower(),
                "reason": pick.reason,
            }
            for pick in taken
        ],
    }


def _print(args: argparse.Namespace, plan: Plan, result: Underlay, taken: list[Pick]) -> None:
    print(f"{args.out}: {result.length_s:.1f} s")
    speech_s = sum(one.end_s - one.start_s for one in plan.speech)
    balance = result.voice_over_music_db
    above = "" if balance is None else f", the voice {balance:.0f} dB above the music"
    print(f"  somebody speaks for {speech_s:.1f} s of {plan.voice_s:.1f} s{above}")
    for pick in taken:
        by = f" by {pick.track.artist}" if pick.track.artist else ""
        print(f"  music: {pick.track.title}{by} ({pick.reason})")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
