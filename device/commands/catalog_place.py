"""Which catalogue an ``attune catalog`` command means."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.folders import from_home
from device.commands.errors import CommandError

if TYPE_CHECKING:
    from catalog.library import Library


def open_library(arguments: argparse.Namespace) -> Library:
    """Open the catalogue that is meant; raises CommandError."""
    from catalog.library import CatalogError, Library

    try:
        return Library.open(folder_of(arguments))
    except CatalogError as error:
        raise CommandError(str(error)) from error


def folder_of(arguments: argparse.Namespace) -> Path:
    """Return `--folder`, or the configured one."""
    if arguments.folder is not None:
        return from_home(arguments.folder)
    return Path(configured().folder)


def configured() -> Any:
    """Return [catalog] of the settings that `attune run` would take."""
    from device.commands.run import load_settings

    return load_settings(None).catalog
