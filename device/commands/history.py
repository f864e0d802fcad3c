"""``attune history``: what the kiosk remembers, to look at, to take away, to delete."""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.commands.errors import CommandError

if TYPE_CHECKING:
    from device.config import Settings
    from device.storage.kiosk_store import VisitSummary

EXAMPLES = """\
examples:
  attune history show
  attune history export visits.csv
  attune history delete --visits        # --likes: what was liked and played; --all: both

History is off unless [history] keep = true; then a visit leaves one line of numbers that names
nobody: when, how many tracks, the strategy, valence and stress at the first and the last.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "history",
        help="what the kiosk remembers: show, export, delete",
        description="Show, export or delete what the kiosk remembers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="history_command", metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="what is kept, in numbers, and the visits")
    show.set_defaults(run=run_show)
    export = commands.add_parser("export", help="write the visits as CSV, or as JSON")
    export.add_argument("file", type=Path, metavar="FILE", help="ending in .csv or .json")
    export.set_defaults(run=run_export)
    delete = commands.add_parser("delete", help="delete for good, also from the free space")
    what = delete.add_mutually_exclusive_group(required=True)
    what.add_argument("--visits", action="store_true", help="the visits")
    what.add_argument("--likes", action="store_true", help="likes, dislikes, skips, last plays")
    what.add_argument("--all", action="store_true", help="everything")
    delete.set_defaults(run=run_delete)
    for command in (show, export, delete):
        command.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
        command.add_argument("--json", action="store_true", help="print one JSON object")


def run_show(args: argparse.Namespace) -> int:
    """Print what is kept."""
    from device.storage.history import open_history

    settings = _settings(args)
    with open_history(settings.kiosk.state_dir) as history:
        counts, visits = history.counts(), history.visits()
    if args.json:
        facts = {
            "keep": settings.history.keep,
            "counts": asdict(counts),
            "visits": [asdict(visit) for visit in visits],
        }
        print(json.dumps(facts, indent=2))
        return 0
    kept = "kept from now on" if settings.history.keep else "not kept ([history] keep = false)"
    print(f"visits are {kept}; {counts.visits} in the memory")
    print(f"likes, dislikes, skips: {counts.feedback}; tracks with a last play: {counts.played}")
    for visit in visits:
        print(_line(visit))
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write the visits to a file."""
    from device.asker import replace_for_asker
    from device.storage.history import open_history

    settings = _settings(args)
    if args.file.suffix not in (".csv", ".json"):
        raise CommandError(f"{args.file}: name a file ending in .csv or .json", exit_code=2)
    with open_history(settings.kiosk.state_dir) as history:
        visits = history.visits()
    text = _as_csv(visits) if args.file.suffix == ".csv" else json.dumps(
        [asdict(visit) for visit in visits], indent=2
    )  # fmt: skip
    try:
        replace_for_asker(args.file, text.encode())
    except OSError as error:
        raise CommandError(f"{args.file}: cannot be written: {error.strerror}") from error
    if args.json:
        print(json.dumps({"file": str(args.file), "visits": len(visits)}))
    else:
        print(f"{args.file}: {len(visits)} visits")
    return 0


def run_delete(args: argparse.Namespace) -> int:
    """Delete; a running kiosk goes on with an empty memory."""
    from device.storage.history import open_history

    settings = _settings(args)
    with open_history(settings.kiosk.state_dir) as history:
        gone = history.delete(visits=args.visits or args.all, likes=args.likes or args.all)
    if args.json:
        print(json.dumps({"deleted": asdict(gone)}))
    else:
        print(
            f"deleted: {gone.visits} visits, {gone.feedback} likes, dislikes and skips,"
            f" {gone.played} last plays"
        )
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    from device.commands.run import load_settings

    settings: Settings = load_settings(args.config)
    return settings


def _as_csv(visits: list[VisitSummary]) -> str:
    from device.storage.kiosk_store import VisitSummary

    out = io.StringIO()
    names = [field.name for field in fields(VisitSummary)]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for visit in visits:
        row: dict[str, Any] = asdict(visit)
        writer.writerow({key: "" if value is None else value for key, value in row.items()})
    return out.getvalue()


def _line(visit: VisitSummary) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(visit.started_at))
    minutes = (visit.ended_at - visit.started_at) / 60
    return (
        f"{when}  {minutes:4.0f} min  {visit.tracks:3d} tracks  {visit.strategy:<8}"
        f"  valence {_change(visit.valence_first, visit.valence_last)}"
        f"  stress {_change(visit.stress_first, visit.stress_last)}"
    )


def _change(first: float | None, last: float | None) -> str:
    return " -> ".join("?" if value is None else f"{value:+.2f}" for value in (first, last))
