"""``attune catalog``: its arguments, and how a catalogue is made."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catalog.folders import from_home
from device.commands.catalog_looks import (
    run_explain,
    run_info,
    run_map,
    run_query,
    run_verdict,
)
from device.commands.catalog_place import configured, folder_of
from device.commands.errors import CommandError

NUMBERS = re.compile(r"^-(\d+\.?\d*|\.\d+)(,.*)?$")
"""argparse takes "-0.5,0.3" for an option unless it knows that numbers look like that."""

Run = Callable[[argparse.Namespace], int]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `catalog` and its sub-commands."""
    parser = subparsers.add_parser("catalog", help="the music library in the emotion space")
    commands = parser.add_subparsers(dest="catalog_command", metavar="COMMAND", required=True)
    _add_build(commands)
    _add_demo(commands)
    _add_import(commands)
    _add_query(commands)
    _add_looks(commands)
    _add_annotate(commands)


def _add_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    build = _command(
        commands,
        "build",
        run_build,
        "make or update the catalogue from folders of music",
        "Reads tags, lyrics (embedded, or song.lrc and song.txt beside song.mp3), loudness and "
        "sound of every music file below DIR. A second run touches only what changed; a broken-"
        "off one goes on where it was. Without DIR the folders of kiosk.toml are taken, or "
        "those of earlier builds. Name an ontology in kiosk.toml (dlut_lexicon in [catalog]): a "
        "build with another one, or without, reads every track again.",
        "attune catalog build ~/Music /mnt/usb/music --workers 2",
    )
    build.add_argument("music", type=Path, nargs="*", metavar="DIR", help="folder with music")
    build.add_argument(
        "--workers",
        type=_positive,
        default=0,
        help="processes (default: cores, fewer where memory is short)",
    )
    build.add_argument(
        "--only", action="store_true", help="forget the music outside the folders named here"
    )
    build.add_argument(
        "--retry", action="store_true", help="try the files again that failed before"
    )
    build.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="analyse on a Dask cluster (tcp://...)"
    )
    _add_dlut(build)


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = _command(
        commands,
        "demo",
        run_demo,
        "fetch freely licensed albums once and build a catalogue of them",
        "Downloads soundtracks that Debian ships as packages (no root needed), keeps each "
        "licence beside the files, and builds the catalogue. Done once; later runs are quick.",
        "attune catalog demo --music albums --folder catalogue",
    )
    demo.add_argument(
        "--music",
        type=Path,
        default=Path("~/.local/share/attune/demo-music"),
        metavar="DIR",
        help="where the albums are kept (default: %(default)s)",
    )
    demo.add_argument(
        "--workers",
        type=_positive,
        default=0,
        help="processes (default: cores, fewer where memory is short)",
    )
    demo.add_argument("--all", action="store_true", help="every album known, not the small set")


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from device.commands import catalog_import

    importer = _command(
        commands,
        "import",
        run_import,
        "add labels, features or comments from a table",
        catalog_import.DESCRIPTION,
        "attune catalog import labels ratings.csv --range 1,9",
    )
    catalog_import.add_arguments(importer)
    _add_dlut(importer)
    importer._negative_number_matcher = NUMBERS


def _add_query(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    query = _command(
        commands,
        "query",
        run_query,
        "the tracks nearest to a mood",
        "The mood comes from words, from valence and arousal (each -1..1) or from the faces in "
        "a picture.",
        'attune catalog query --text "tired but hopeful" --k 5',
    )
    mood = query.add_mutually_exclusive_group(required=True)
    mood.add_argument("--text", help="a mood in words")
    mood.add_argument("--va", type=_valence_arousal, metavar="V,A", help="such as -0.5,0.3")
    mood.add_argument("--image", type=Path, metavar="FILE", help="a picture with faces")
    query.add_argument("--k", type=_positive, default=10, help="tracks (default: 10)")
    query.add_argument("--genre", help="only tracks of this genre")
    query.add_argument("--language", metavar="CODE", help="only lyrics in it: en, zh, ru, ko, de")
    query.add_argument("--clean", action="store_true", help="nothing tagged as explicit")
    _add_dlut(query)
    query._negative_number_matcher = NUMBERS


def _add_annotate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from device.commands import catalog_annotate

    annotate = _command(
        commands,
        "annotate-audio",
        catalog_annotate.run,
        "what sound files sound like",
        "Prints the nine GEMS emotions, the genre, valence and arousal of each file.",
        "attune catalog annotate-audio song.mp3 --json",
    )
    catalog_annotate.add_arguments(annotate)


def _add_looks(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = _command(
        commands,
        "explain",
        run_explain,
        "where a track's place comes from",
        "Shows every piece of evidence about a track with its weight.",
        "attune catalog explain 17",
    )
    explain.add_argument("track", metavar="TRACK", help="track id or path of the file")
    for name, summary in (("ban", "never choose a track"), ("allow", "let it in again")):
        verdict = _command(
            commands, name, run_verdict, summary,
            "A running kiosk follows within moments.", f"attune catalog {name} 17",
        )  # fmt: skip
        verdict.add_argument("track", metavar="TRACK", help="track id or path of the file")
    info = _command(
        commands,
        "info",
        run_info,
        "the catalogue in numbers",
        "Counts, genres, evidence, and the files that could not be taken.",
        "attune catalog info --failures",
    )
    info.add_argument("--failures", action="store_true", help="name every file that failed")
    plot = _command(
        commands,
        "map",
        run_map,
        "draw the library on the valence/arousal plane",
        "Needs matplotlib: pip install matplotlib.",
        "attune catalog map library.png",
    )
    plot.add_argument("out", type=Path, metavar="OUT.png", help="picture to write")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Run,
    summary: str,
    description: str,
    example: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"example: {example}",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="CATALOGUE", help="the catalogue (default: as configured)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def _add_dlut(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dlut", type=_file, metavar="FILE.xlsx", help="the DLUT ontology, for Chinese words"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, found {text!r}")
    return int(text)


def _file(text: str) -> Path:
    path = Path(text)
    if not os.path.isfile(path):  # noqa: PTH113 - Path's raises where one may not look
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return path


def _valence_arousal(text: str) -> tuple[float, float]:
    try:
        valence, arousal = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be V,A such as -0.5,0.3, found {text!r}") from error
    if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
        raise argparse.ArgumentTypeError(f"both must lie in -1..1, found {text!r}")
    return valence, arousal


# --- build and demo ---------------------------------------------------------------------


def run_build(arguments: argparse.Namespace) -> int:
    """Build or update; 130 when broken off."""
    from catalog.builder.building import BuildOptions

    settings = configured()
    options = BuildOptions(
        workers=arguments.workers,
        dlut=arguments.dlut or settings.dlut_lexicon,
        retry_failures=arguments.retry,
        only_these=arguments.only,
        scheduler=arguments.scheduler,
        may_be_away=not arguments.music,
    )
    music = arguments.music or list(settings.music)
    return _build(music, folder_of(arguments), options, arguments.json)


def run_import(arguments: argparse.Namespace) -> int:
    """Add a table."""
    from device.commands import catalog_import

    arguments.dlut = arguments.dlut or configured().dlut_lexicon
    return catalog_import.run(arguments, folder_of(arguments))


def run_demo(arguments: argparse.Namespace) -> int:
    """Fetch the demo albums where they lack, and build."""
    from catalog.builder.building import BuildOptions
    from catalog.demo_albums import DEFAULT_ALBUMS, EVERY_ALBUM, DemoError, fetch

    albums = EVERY_ALBUM if arguments.all else DEFAULT_ALBUMS
    music = from_home(arguments.music)
    try:
        fetch(albums, music, lambda line: print(line, file=sys.stderr))
    except DemoError as error:
        raise CommandError(str(error)) from error
    options = BuildOptions(workers=arguments.workers)
    return _build([music], folder_of(arguments), options, arguments.json)


def _build(music: list[Path], folder: Path, options: Any, as_json: bool) -> int:
    from catalog.analysis import CatalogError
    from catalog.builder.building import build
    from device.commands.catalog_report import report_json, report_text

    try:
        report = build(music, folder, options)
    except CatalogError as error:
        raise CommandError(str(error)) from error
    print(json.dumps(report_json(report, folder)) if as_json else report_text(report, folder))
    if not report.found and not report.interrupted:
        names = ", ".join(str(place) for place in music) or "the folders of earlier builds"
        what = "music files that are read" if report.not_taken else "music files"
        print(f"attune: no {what} in {names}: is this the right folder?", file=sys.stderr)
    return 130 if report.interrupted else 0
