"""``attune face``: what the box sees in a picture."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from catalog.plain import plain
from device.commands.errors import CommandError


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("face", help="read faces in pictures")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    analyse = actions.add_parser(
        "analyse",
        help="faces, their expressions and quality",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Find faces, read seven expressions in each, and pool them by area.",
        epilog=(
            "With --json each picture is an object: faces (box as x, y, width, height in pixels;\n"
            "probabilities by name; quality 0..1) and mood (null where nobody is seen). Several\n"
            "pictures are a list; one that cannot be read has error instead, and the exit code\n"
            "is 1.\n\nexample: attune face analyse portrait.jpg --json"
        ),
    )
    analyse.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    analyse.add_argument("--json", action="store_true", help="the readings as JSON")
    analyse.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the pictures; one object for one picture, a list for several."""
    results: list[dict[str, Any]] = []
    for path in args.images:
        try:
            results.append(analyse(path))
        except CommandError as error:
            if len(args.images) == 1:
                raise
            results.append({"image": str(path), "error": str(error)})
    if args.json:
        print(json.dumps(results if len(results) > 1 else results[0], indent=2))
    for result in results:
        if "error" in result:
            print(f"attune: {plain(result['error'])}", file=sys.stderr)
        elif not args.json:
            _print(result)
    return 1 if any("error" in result for result in results) else 0


def analyse(path: Path) -> dict[str, Any]:
    """Return the faces of a picture and its pooled mood; raises CommandError."""
    from catalog.emotions import describe
    from catalog.vocabularies import to_point
    from device.config import FaceSettings
    from device.readings import Frame
    from device.sensing.face import FaceReader, area_weighted, make_detector
    from device.sensing.pictures import CameraError, read_picture
    from models_tflite.runtime import ModelError

    settings = FaceSettings()
    try:
        picture = read_picture(path)
        with closing(make_detector(settings, thorough=True)) as detector:
            view = FaceReader(settings, detector).read(Frame(0, 0.0, picture))
    except (CameraError, ModelError) as error:
        raise CommandError(str(error)) from error
    pooled = area_weighted(view)
    mood: dict[str, Any] | None = None
    if pooled is not None:
        point = to_point("face7", pooled.probabilities)
        mood = {
            "probabilities": _named(pooled.probabilities),
            "confidence": round(pooled.confidence, 3),
            "valence": round(point.valence, 3),
            "arousal": round(point.arousal, 3),
            "label": describe(point),
        }
    faces = [
        {
            "box": [round(value, 1) for value in (
                face.box.x_px, face.box.y_px, face.box.width_px, face.box.height_px)],
            "probabilities": _named(face.probabilities),
            "quality": round(face.quality, 3),
        }
        for face in view.faces
    ]  # fmt: skip
    return {"image": str(path), "faces": faces, "mood": mood}


def _named(probabilities: Any) -> dict[str, float]:
    from models_tflite.labels import EXPRESSIONS

    return {
        name: round(float(share), 4) for name, share in zip(EXPRESSIONS, probabilities, strict=True)
    }


def _print(result: dict[str, Any]) -> None:
    count, name = len(result["faces"]), plain(result["image"])
    if not count:
        print(f"{name}: no face found (it should be lit and look at the camera)")
        return
    print(f"{name}: {count} face{'s' if count > 1 else ''}")
    for face in result["faces"]:
        best = sorted(face["probabilities"].items(), key=lambda item: -item[1])[:3]
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in best)
        print(f"  at {face['box']}  quality {face['quality']:.2f}  {shares}")
    if result["mood"]:
        mood = result["mood"]
        print(f"  together: {mood['label']} (confidence {mood['confidence']:.2f})")
