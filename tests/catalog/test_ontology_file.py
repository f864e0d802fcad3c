"""The ontology's file as its owner may have it, and not as openpyxl expects it."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from catalog.words import WordsError
from catalog.words.ontology import load_ontology


def workbook() -> bytes:
    book = pytest.importorskip("openpyxl").Workbook()
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def marked(content: bytes, place: int, value: int) -> bytes:
    """Return an archive with a byte of each entry of its directory set (APPNOTE.TXT, 4.3.12)."""
    changed = bytearray(content)
    for found in re.finditer(b"PK\x01\x02", content):
        changed[found.start() + place] = value
    return bytes(changed)


def without_sheets(content: bytes) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            after.writestr(name, re.sub(b"<sheets>.*</sheets>", b"<sheets/>", before.read(name)))
    return changed.getvalue()


@pytest.mark.parametrize("kind", ["with a password", "packed in an unknown way", "without a sheet"])
def test_a_workbook_that_cannot_be_opened_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    content = {
        "with a password": lambda: marked(workbook(), 8, 1),
        "packed in an unknown way": lambda: marked(workbook(), 10, 99),
        "without a sheet": lambda: without_sheets(workbook()),
    }[kind]()
    (tmp_path / "ontology.xlsx").write_bytes(content)
    with pytest.raises(WordsError, match=r"is no readable \.xlsx file"):
        load_ontology(tmp_path / "ontology.xlsx")
