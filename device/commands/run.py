"""``attune run``: the kiosk."""

from __future__ import annotations

import argparse
import resource
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from catalog.folders import from_home
from device.commands.errors import CommandError
from device.memory import keep_memory_small

LOG_LEVELS = ("debug", "info", "warning", "error")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="start the kiosk",
        description="Start the kiosk on the devices that are there. Ends with Ctrl-C or SIGTERM.",
        epilog="example: attune run --config kiosk.toml --log-level debug",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="catalogue to play from")
    parser.add_argument(
        "--stand-ins",
        action="store_true",
        help="where a device is missing, use a portrait, a simulated finger, a silent output",
    )
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the kiosk until it is told to stop."""
    started = time.monotonic()
    from device.journal import set_up_logging

    set_up_logging(args.log_level)
    # What is in memory about a person must not reach the disk with a crash.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    keep_memory_small()
    from device import kiosk
    from device.stand_ins import equip

    settings = load_settings(args.config)
    if args.catalogue:
        settings = with_catalogue(settings, args.catalogue)
    equipment = equip(settings, args.stand_ins)
    for message in equipment.messages:
        print(f"attune: {message}", flush=True)
    stop = threading.Event()
    ends = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # As nohup has it.
        ends.append(signal.SIGHUP)  # A terminal that is closed: the house is told goodbye, too.
    _end_on(ends, stop)

    def say_ready() -> None:
        print(f"attune: ready after {time.monotonic() - started:.2f} s", flush=True)

    house = kiosk.build(equipment.settings, finger_may_agree=equipment.finger_may_agree)
    return kiosk.run(house, stop, say_ready)


def _end_on(numbers: Sequence[int], stop: threading.Event) -> None:
    """Set ``stop`` when one of the signals comes, in a thread of its own.

    A handler runs in the main thread, in the middle of what it does. Where that is a look at
    ``stop`` it holds the lock that setting takes, and would wait for itself for ever.
    """
    asked: SimpleQueue[int] = SimpleQueue()  # Made for handlers: its put needs no lock.

    def heed() -> None:
        asked.get()
        stop.set()

    threading.Thread(target=heed, name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, lambda came, _: asked.put(came))


def load_settings(path: Path | None) -> Any:
    """Return the Settings of ``path`` or of the usual places; CommandError names all faults."""
    from device.config import ConfigError, find_and_load

    try:
        return find_and_load(path)
    except ConfigError as error:
        raise CommandError(str(error), exit_code=2) from error


def with_catalogue(settings: Any, folder: Path) -> Any:
    """Return ``settings`` with another catalogue folder."""
    catalog = settings.catalog.model_copy(update={"folder": from_home(folder)})
    return settings.model_copy(update={"catalog": catalog})
