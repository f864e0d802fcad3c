"""Finds the real data that some tests want and that is not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def find_data(name: str) -> Path | None:
    """Return the folder ``name`` of the data set, or None where it is not here.

    Looks below ``$ATTUNE_DATA``, then below ``../shared/data`` beside the checkout.
    """
    places = [Path(os.environ["ATTUNE_DATA"])] if "ATTUNE_DATA" in os.environ else []
    places.append(ROOT.parent / "shared" / "data")
    return next((place / name for place in places if (place / name).is_dir()), None)


def data_folder(name: str) -> Path:
    """Return the folder ``name`` of the data set, or skip the test naming what it lacks."""
    folder = find_data(name)
    if folder is None:
        pytest.skip(f"needs the data set '{name}' (set ATTUNE_DATA to the folder that holds it)")
    return folder
