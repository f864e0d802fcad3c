"""``attune catalog import``: tables from outside the files as further evidence."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from device.commands.errors import CommandError

if TYPE_CHECKING:
    from catalog.builder.tables import ImportReport
    from catalog.store_writer import StoreWriter

KINDS = ("labels", "features", "comments")

DESCRIPTION = """\
Adds what a table says to the tracks of the catalogue that it fits (same artist and title, or the
same path); the evidence stays when files are analysed again, and a later import replaces it.

labels    CSV with valence and arousal that people gave, on any scale: --range 1,9
features  CSV with Spotify-like features: valence, energy, danceability, acousticness, mode ...
comments  JSON lines with text and likes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `import` takes beside what all commands take."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("kind", choices=KINDS, help="what the file holds")
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or JSON lines; .gz is read")
    parser.add_argument(
        "--map",
        type=_mapping,
        default={},
        metavar="FIELD=COLUMN,...",
        help="names of columns that are not the usual ones, such as title=track,artist=band",
    )
    parser.add_argument(
        "--range",
        type=_range,
        default=(-1.0, 1.0),
        metavar="LOW,HIGH",
        help="the scale of the labels (default: -1,1)",
    )


def run(arguments: argparse.Namespace, folder: Path) -> int:
    """Import and renew the index."""
    from catalog.analysis import CatalogError
    from catalog.builder.building import alone
    from catalog.indexing import renew_index
    from catalog.store import check_present
    from catalog.store_writer import StoreWriter

    try:
        check_present(folder)
        with alone(folder), StoreWriter(folder) as store:
            report = _import(arguments, store)
            in_index = renew_index(store, folder)
    except CatalogError as error:
        raise CommandError(str(error)) from error
    if arguments.json:
        facts = {"rows": report.rows, "tracks": report.tracks, "unusable": report.unusable}
        print(json.dumps({**facts, "in_index": in_index}))
    else:
        print(
            f"{report.rows:,} rows, {report.tracks:,} tracks of the catalogue among them"
            f" ({report.unusable:,} without usable values); {in_index:,} tracks to choose from"
        )
    return 0


def _import(arguments: argparse.Namespace, store: StoreWriter) -> ImportReport:
    from catalog.builder import tables
    from catalog.words import WordsError

    if arguments.kind == "labels":
        return tables.import_labels(store, arguments.file, arguments.map, *arguments.range)
    if arguments.kind == "features":
        return tables.import_features(store, arguments.file, arguments.map)
    try:
        return tables.import_comments(store, arguments.file, arguments.map, arguments.dlut)
    except WordsError as error:
        raise CommandError(str(error)) from error


def _mapping(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(field and sign and column for field, sign, column in pairs):
        raise argparse.ArgumentTypeError(f"must be FIELD=COLUMN,... found {text!r}")
    told = {field.strip(): column.strip() for field, _, column in pairs}
    from catalog.builder.tables import KNOWN_NAMES

    if unknown := told.keys() - KNOWN_NAMES.keys():
        raise argparse.ArgumentTypeError(
            f"there is no field {', '.join(sorted(unknown))}; there are {', '.join(KNOWN_NAMES)}"
        )
    return told


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be LOW,HIGH found {text!r}") from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise argparse.ArgumentTypeError(f"LOW must be below HIGH, found {text!r}")
    return low, high
