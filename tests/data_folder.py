"""Finds the real data that some tests want and that is not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Path:
    """Return the folder ``name`` of the data set, or skip the test naming what it lacks.

    Looks below ``$ATTUNE_DATA``, then below ``../shared/data`` beside the checkout.
    """
    places = [Path(os.environ["ATTUNE_DATA"])] if "ATTUNE_DATA" in os.environ else []
    places.append(ROOT.parent / "shared" / "data")
    for place in places:
        if (place / name).is_dir():
            return place / name
    pytest.skip(f"needs the data set '{name}' (set ATTUNE_DATA to the folder that holds it)")
