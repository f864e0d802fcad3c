"""``attune check-config``: is kiosk.toml right, and what does it come to?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from device.commands.errors import CommandError


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "check-config",
        help="check kiosk.toml and show what it comes to",
        description="Check a configuration. All faults are named at once; exit code 2 if any.",
        epilog="example: attune check-config /etc/attune/kiosk.toml",
    )
    parser.add_argument("file", type=Path, nargs="?", help="default: the file `run` would take")
    parser.add_argument("--json", action="store_true", help="the resulting settings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the file; print the settings or every fault."""
    from device.commands.setup_files import as_value
    from device.config import ConfigError, find_and_load

    try:
        settings = find_and_load(args.file)
    except ConfigError as error:
        if args.json:
            print(json.dumps({"ok": False, "faults": error.faults}, indent=2))
            return 2
        raise CommandError(str(error), exit_code=2) from error
    tables = settings.model_dump(mode="json")
    if args.json:
        print(json.dumps({"ok": True, "settings": tables}, indent=2))
        return 0
    for table, values in tables.items():
        print(f"[{table}]")
        for key, value in values.items():
            print(f"# {key} is not set" if value is None else f"{key} = {as_value(value)}")
        print()
    print("# the configuration is right")
    return 0
