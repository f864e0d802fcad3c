"""``attune catalog`` query, explain, ban, allow, info, map: with a catalogue that is there."""

from __future__ import annotations

import argparse
import json

from device.commands.catalog_place import folder_of, open_library
from device.commands.errors import CommandError


def run_query(arguments: argparse.Namespace) -> int:
    """Print a mood and the tracks nearest to it."""
    from device.commands.catalog_query import answer, as_text

    with open_library(arguments) as library:
        found = answer(library, arguments)
    print(json.dumps(found, ensure_ascii=False) if arguments.json else as_text(found))
    return 0


def run_explain(arguments: argparse.Namespace) -> int:
    """Print the evidence behind one track."""
    from catalog.explain import as_json, render

    with open_library(arguments) as library:
        track = library.find(arguments.track)
        if track is None:
            reason = library.why_absent(arguments.track) or "ids are in `attune catalog query`"
            raise CommandError(f"no track {arguments.track} in {folder_of(arguments)}: {reason}")
        explanation = library.explain(track.track_id)
    if arguments.json:
        print(json.dumps(as_json(explanation), ensure_ascii=False))
    else:
        print(render(explanation))
    return 0


def run_verdict(arguments: argparse.Namespace) -> int:
    """Ban a track or allow it again."""
    from catalog.analysis import CatalogError
    from catalog.builder.building import alone
    from catalog.indexing import renew_index
    from catalog.store_writer import StoreWriter

    banned = arguments.catalog_command == "ban"
    folder = folder_of(arguments)
    with open_library(arguments) as library:
        track = library.find(arguments.track)
    if track is None:
        raise CommandError(f"no track {arguments.track} in {folder}")
    try:
        with alone(folder), StoreWriter(folder) as store:
            with store.batch():
                store.ban(track.track_id, banned)
            in_index = renew_index(store, folder)
    except CatalogError as error:
        raise CommandError(str(error)) from error
    if arguments.json:
        facts = {"track_id": track.track_id, "title": track.title, "banned": banned}
        print(json.dumps({**facts, "in_index": in_index}, ensure_ascii=False))
    else:
        print(f"{track.title}: {'banned' if banned else 'allowed'}; {in_index:,} to choose from")
    return 0


def run_info(arguments: argparse.Namespace) -> int:
    """Print the catalogue in numbers."""
    from device.commands.catalog_report import info_json, info_text

    with open_library(arguments) as library:
        info = library.info()
    if arguments.json:
        print(json.dumps(info_json(info), ensure_ascii=False))
    else:
        print(info_text(info, arguments.failures))
    return 0


def run_map(arguments: argparse.Namespace) -> int:
    """Draw the library."""
    from catalog.map_plot import draw_map
    from device.asker import give_to_asker

    with open_library(arguments) as library:
        tracks = list(library.tracks())
    if not tracks:
        raise CommandError(f"there are no tracks in {folder_of(arguments)} to draw")
    try:
        draw_map(tracks, arguments.out)
        give_to_asker(arguments.out)
    except ImportError as error:
        raise CommandError(f"a map needs matplotlib ({error}): pip install matplotlib") from error
    except (OSError, ValueError) as error:
        raise CommandError(f"{arguments.out}: cannot be written: {error}") from error
    if arguments.json:
        print(json.dumps({"out": str(arguments.out), "tracks": len(tracks)}))
    else:
        print(f"{arguments.out}: {len(tracks):,} tracks")
    return 0
