"""``attune setup``: asks what a new box must know, writes kiosk.toml, looks whether all works."""

from __future__ import annotations

import argparse
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.folders import from_home
from device.commands.errors import CommandError

if TYPE_CHECKING:
    from device.commands.setup_questions import Answers

DESCRIPTION = """\
Asks where the box stands, for language, camera, sensor, sound, music and broker; writes the
settings and examines the box. A second run offers the present settings. Nothing is changed
before the last question is answered.
"""
EXAMPLES = """\
examples:
  sudo attune setup
  attune setup --config ~/kiosk.toml        # for a kiosk that is started by hand
Answers may come from a pipe, one a line; an empty line takes what stands in brackets.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "setup",
        help="ask for what a new box must know and write kiosk.toml",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to write")
    parser.add_argument(
        "--no-doctor", action="store_true", help="do not examine the box afterwards"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, write, examine; the exit code is the doctor's."""
    from device.commands import setup_files
    from device.commands.setup_questions import Dialogue, ask_all
    from device.config import SYSTEM_CONFIG

    named = args.config or os.environ.get("ATTUNE_CONFIG") or SYSTEM_CONFIG
    path = from_home(named).absolute()
    services = path == SYSTEM_CONFIG
    setup_files.check_writable(path)
    before = _present(path)
    filled = setup_files.fill_folders(before) if services else []
    try:
        answers = ask_all(Dialogue(), before, services=services)
    except KeyboardInterrupt as interrupt:
        print()
        raise CommandError("broken off; nothing was changed", exit_code=130) from interrupt
    _check(answers, path)
    for line in (*filled, *setup_files.write(answers, path, services=services)):
        print(line)
    code = 0 if args.no_doctor else _examine(path)
    if services:
        for line in setup_files.adapt_services(answers):
            print(line)
    else:
        print(f"start it with: attune run --config {path}")
    return code


def _present(path: Path) -> dict[str, Any]:
    """Return the settings as they stand in the file; none where there is no file.

    Raises CommandError where they are wrong: before the first question rather than after the
    last. Only the place may be: that is the first question.
    """
    from device.config import ConfigError, parse

    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise CommandError(f"{path}: cannot be taken over: {error}; mend or move it") from error
    elsewhere = tables.copy()
    if isinstance(kiosk := tables.get("kiosk"), dict):
        elsewhere["kiosk"] = {key: value for key, value in kiosk.items() if key != "place"}
    try:
        parse(elsewhere, path)
    except ConfigError as error:
        raise CommandError(f"{error}\ncannot be taken over: mend or move it") from error
    return tables


def _check(answers: Answers, path: Path) -> None:
    from device.config import ConfigError, parse

    try:
        parse(answers.tables, path)
    except ConfigError as error:
        raise CommandError(f"{error}\nnothing was changed", exit_code=2) from error


def _examine(path: Path) -> int:
    from device.commands import doctor

    print("\nlooking at the box:")
    return doctor.run(argparse.Namespace(config=path, json=False))
