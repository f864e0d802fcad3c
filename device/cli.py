"""The ``attune`` command: collects the sub-commands and turns failures into one clear line."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from catalog.plain import plain
from device.commands.errors import CommandError

COMMANDS = (
    "run", "doctor", "check_config", "devices", "catalog", "mood", "face", "pulse", "play",
    "underlay", "models", "mqtt_test",
    "setup", "history", "diagnostics",
)  # fmt: skip
"""Modules of ``device.commands`` in the order in which ``attune --help`` lists them."""

EPILOG = """\
exit codes: 0 done · 1 could not be done, one line on stderr says why · 2 wrong arguments or
configuration. Every command that prints facts takes --json for machines.

start here:  attune doctor        what is connected, what is missing and what to do
             attune catalog build ~/Music
             attune run
"""


class _Parser(argparse.ArgumentParser):
    """Notices that its help could not be written, of which argparse makes nothing."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not sys.stdout:
            super()._print_message(message, file)
            return
        file.write(message)
        file.flush()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every sub-command registered."""
    parser = _Parser(
        prog="attune",
        description="Attune: a private, offline mood-music kiosk.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"device.commands.{name}").register(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``attune``; returns the exit code."""
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A title in letters that the terminal lacks, a file name of bytes that are no text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _carry_out(arguments)
    except CommandError as error:
        print(f"attune: {_harmless(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output (head, a pager) has left: nothing to say to anyone.
        _drop_output()
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"attune: {_harmless(where)}{error.strerror or error}", file=sys.stderr)
        _drop_output()
        return 1


def _carry_out(arguments: Sequence[str] | None) -> int:
    parsed = build_parser().parse_args(arguments)
    code = int(parsed.run(parsed))
    sys.stdout.flush()  # What cannot be written is to be known here, not at the very end.
    return code


def _open_what_is_closed() -> None:
    """Let a stream that our caller closed be an empty one: Python has None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would try, and complain, at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _harmless(text: str) -> str:
    """Return a message without control characters: it may quote a file, and go to a terminal."""
    return "\n".join(plain(line) for line in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
