"""``attune mood text``: what a sentence says about a mood."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.commands.errors import CommandError

if TYPE_CHECKING:
    from catalog.words import WordMood

REASON = "no word of this text names a mood that I know"
WHOLE = "the text as a whole, of which no word alone names a mood"

EXAMPLES = """\
examples:
  attune mood text "calm, but a little nostalgic"
  attune mood text "오늘 너무 행복해요"
  attune mood text "后悔也都没有用" --dlut DLUT_emotion_ontology.xlsx --json

English, Chinese, Russian, Korean and German are understood; the language is detected. With
the DLUT ontology (an academic file that you supply) Chinese is read by its published method.
Exit code 1 when nothing was understood.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `mood` and its sub-commands."""
    parser = subparsers.add_parser("mood", help="what a text says about a mood")
    commands = parser.add_subparsers(dest="mood_command", metavar="COMMAND", required=True)
    text = commands.add_parser(
        "text",
        help="read the mood of a sentence",
        description="Read the mood of a sentence as the kiosk reads what a person types.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    text.add_argument("text", help="the sentence, in quotes")
    text.add_argument("--dlut", type=Path, metavar="FILE.xlsx", help="the DLUT emotion ontology")
    text.add_argument("--language", metavar="L", help="en, zh, ru, ko or de (default: detect)")
    text.add_argument("--json", action="store_true", help="one JSON document")
    text.set_defaults(run=run_text)


def run_text(args: argparse.Namespace) -> int:
    """Print the mood of a text; 1 when nothing was understood."""
    from catalog.words import WordsError, read_mood

    if args.dlut is not None and not args.dlut.is_file():
        raise CommandError(f"{args.dlut}: no such file; --dlut takes the ontology's .xlsx")
    try:
        mood = read_mood(args.text, dlut=args.dlut, language=args.language)
    except WordsError as error:
        raise CommandError(str(error)) from error
    if args.json:
        print(json.dumps(_document(mood), ensure_ascii=False, indent=2))
    elif mood.point is not None:
        _print(mood)
    else:
        raise CommandError(f"{REASON}; try words such as calm, happy, sad, tense")
    return 0 if mood.point is not None else 1


def _document(mood: WordMood) -> dict[str, Any]:
    from catalog.emotions import describe

    point = mood.point
    if point is None:
        return {"emotions": None, "reason": REASON, "language": mood.language, "confidence": 0.0}
    return {
        "emotions": mood.emotions,
        "valence": point.valence,
        "arousal": point.arousal,
        "dominance": point.dominance,
        "confidence": mood.confidence,
        "language": mood.language,
        "label": describe(point, mood.language or "en"),
        "keywords": [
            {"word": word.word, "code": word.code, "weight": word.weight}
            for word in mood.keywords
        ],
    }  # fmt: skip


def _print(mood: WordMood) -> None:
    from catalog.emotions import CODES, NAMES, describe

    point = mood.point
    assert point is not None
    label = describe(point, mood.language or "en")
    print(f"{label}  ({mood.language or 'no language'}, confidence {mood.confidence:.2f})")
    print(
        f"valence {point.valence:+.2f}  arousal {point.arousal:+.2f}"
        f"  dominance {point.dominance:+.2f}"
    )
    shares = sorted(zip(point.emotions.tolist(), CODES, strict=True), reverse=True)
    for share, code in shares:
        if share >= 0.005:
            print(f"  {code} {NAMES[code]['en']:<15} {share:6.1%} {'█' * round(share * 30)}")
    words = ", ".join(f"{word.word} ({word.code} {word.weight:.2g})" for word in mood.keywords)
    print(f"because of: {words or WHOLE}")
