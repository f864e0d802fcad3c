"""``attune catalog annotate-audio``: what files sound like, without building anything."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from catalog.plain import plain
from device.commands.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="sound files")


def run(arguments: argparse.Namespace) -> int:
    """Listen to each file; a list of one object per file, or a line for each as it is heard."""
    from catalog.sound import SoundAnnotator, SoundError
    from models_tflite.runtime import ModelError

    results = []
    try:
        annotator = SoundAnnotator.load()
    except ModelError as error:
        raise CommandError(str(error)) from error
    for path in arguments.files:
        try:
            result = _facts(path, annotator.annotate(path))
        except SoundError as error:
            result = {"path": str(path), "error": str(error)}
            print(f"attune: {plain(path)}: {plain(error)}", file=sys.stderr)
        else:
            if not arguments.json:
                print(_line(result), flush=True)
        results.append(result)
    if arguments.json:
        print(json.dumps(results, ensure_ascii=False))
    return 1 if any("error" in result for result in results) else 0


def _facts(path: Path, heard: Any) -> dict[str, Any]:
    from catalog.emotions import describe

    return {
        "path": str(path),
        "label": describe(heard.point),
        "valence": round(heard.valence, 4),
        "arousal": round(heard.arousal, 4),
        "confidence": round(heard.confidence, 4),
        "gems": {name: round(share, 4) for name, share in heard.gems.items()},
        "genre": {name: round(share, 4) for name, share in heard.genre.items()},
    }


def _line(result: dict[str, Any]) -> str:
    gems = sorted(result["gems"].items(), key=lambda item: -item[1])[:3]
    genre, share = max(result["genre"].items(), key=lambda item: item[1])
    return (
        f"{plain(result['path'])}: {result['label']} (valence {result['valence']:+.2f}, arousal"
        f" {result['arousal']:+.2f}, sure to {result['confidence']:.0%}); {genre} {share:.0%};"
        f" {', '.join(f'{name} {value:.0%}' for name, value in gems)}"
    )
