"""The data tables of the emotion space, read once as rows of named columns."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of ``tables/<name>.tsv``; lines that begin with # are comments."""
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as lines:
        wanted = (line for line in lines if not line.startswith("#"))
        return tuple(csv.DictReader(wanted, delimiter="\t", quoting=csv.QUOTE_NONE))
